/** The stylesheet of all pages: follows the reader's light or dark scheme and shows where the focus is. */
export const stylesheet = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; background: Canvas; color: CanvasText; }
header { padding: 1rem 1.5rem; font-weight: 700; border-bottom: 1px solid GrayText; }
main { max-width: 32rem; margin: 2rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.4rem; }
form { margin: 1rem 0; }
label { display: block; margin: 1rem 0 0.25rem; font-weight: 600; }
input { box-sizing: border-box; width: 100%; padding: 0.6rem; font: inherit; border: 1px solid GrayText; border-radius: 4px; }
button, a.button { display: inline-block; margin: 1rem 0.5rem 0 0; padding: 0.6rem 1.2rem; font: inherit; font-weight: 600;
  border: 1px solid GrayText; border-radius: 4px; background: ButtonFace; color: ButtonText; text-decoration: none; cursor: pointer; }
button.primary { background: #1d4ed8; border-color: #1d4ed8; color: #fff; }
:focus-visible { outline: 3px solid #f59e0b; outline-offset: 2px; }
.error { padding: 0.75rem 1rem; border-left: 4px solid #b91c1c; background: rgb(185 28 28 / 10%); }
.code { font: 1.6rem/1.2 ui-monospace, monospace; letter-spacing: 0.15em; }
dt { font-weight: 600; } dd { margin: 0 0 0.5rem; overflow-wrap: anywhere; }
pre { overflow: auto; padding: 0.75rem; border: 1px solid GrayText; border-radius: 4px; white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } th, td { padding: 0.25rem 0.5rem; text-align: left; border-bottom: 1px solid GrayText; }
`;
