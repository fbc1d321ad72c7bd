/** Frame kinds of a lane: values of weir.tunnel.v1.FrameType. */
export const frameKind = {
  open: 1,
  data: 2,
  record: 3,
  credit: 4,
  halfClose: 5,
  reset: 6,
  cancel: 7,
  approvalAsk: 8,
  approvalState: 9,
  approvalWithdraw: 10,
  budgetAsk: 11,
  budgetGrant: 12,
  budgetReport: 13,
} as const;
export type FrameKind = (typeof frameKind)[keyof typeof frameKind];
