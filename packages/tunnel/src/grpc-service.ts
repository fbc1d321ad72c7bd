import type { DescMessage, DescMethod, DescService, MessageShape } from '@bufbuild/protobuf';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { MethodDefinition } from '@grpc/grpc-js';

/** A method of a grpc-js service whose messages are those of the protobuf-es descriptor `M`. */
export type GrpcMethod<M extends DescMethod> = MethodDefinition<MessageShape<M['input']>, MessageShape<M['output']>>;
/** grpc-js definition of a protobuf-es service, keyed by the local method names. */
export type GrpcService<S extends DescService> = { readonly [K in keyof S['method']]: GrpcMethod<S['method'][K]> };
/** A method whose messages stay encoded: the hand codecs read and write them. */
export type RawMethod = MethodDefinition<Buffer, Buffer>;

const serializer =
  <D extends DescMessage>(schema: D) =>
  (message: MessageShape<D>): Buffer => {
    const bytes = toBinary(schema, message);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
const identity = (message: Buffer): Buffer => message;

/** Path and streaming of one method as grpc-js wants them. */
function shapeOf(method: DescMethod) {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
    responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
  };
}

/** Turns a protobuf-es method descriptor into a grpc-js definition. */
export function grpcMethodOf<M extends DescMethod>(method: M): GrpcMethod<M> {
  return {
    ...shapeOf(method),
    requestSerialize: serializer(method.input) as GrpcMethod<M>['requestSerialize'],
    requestDeserialize: (bytes) => fromBinary(method.input, bytes) as MessageShape<M['input']>,
    responseSerialize: serializer(method.output) as GrpcMethod<M>['responseSerialize'],
    responseDeserialize: (bytes) => fromBinary(method.output, bytes) as MessageShape<M['output']>,
  };
}

/** The same for methods that move bulk: messages are passed as their encoded bytes. */
export function rawMethodOf(method: DescMethod): RawMethod {
  return {
    ...shapeOf(method),
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  };
}

/** Turns a protobuf-es service descriptor into a grpc-js service definition. */
export function grpcServiceOf<S extends DescService>(service: S): GrpcService<S> {
  const methods = Object.entries(service.method).map(([name, method]) => [name, grpcMethodOf(method as DescMethod)]);
  return Object.fromEntries(methods) as GrpcService<S>;
}
