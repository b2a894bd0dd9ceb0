"""A gRPC service on a unix socket, and its client: Debian's python3-grpcio, run by Debian's Python.

usage: grpc_service.py serve SOCKET
       grpc_service.py call HOST:PORT CA TOKEN|- METHOD [NAME=VALUE…]     metadata

The answer to a call is the metadata that the service got, as JSON; `Stream` answers three times.
`call` prints the answers, or the status by which the call failed.
"""

import json
import sys
from concurrent import futures

import grpc


def told(context):
    return json.dumps({name: value for name, value in context.invocation_metadata()}).encode()


class Service(grpc.GenericRpcHandler):
    def service(self, call):
        if call.method.endswith("/Stream"):
            return grpc.unary_stream_rpc_method_handler(lambda request, context: (told(context) for _ in range(3)))
        if call.method.endswith("/Both"):
            return grpc.stream_stream_rpc_method_handler(lambda requests, context: (request + b"!" for request in requests))
        return grpc.unary_unary_rpc_method_handler(lambda request, context: told(context))


def serve(path):
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[Service()])
    server.add_insecure_port(f"unix:{path}")
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


def call(address, ca, token, method, *metadata):
    with open(ca, "rb") as file:
        credentials = grpc.ssl_channel_credentials(file.read())
    metadata = [tuple(pair.split("=", 1)) for pair in metadata]
    if token != "-":
        metadata.append(("authorization", f"Bearer {token}"))
    host, port = address.rsplit(":", 1)
    # The name need not be known to a resolver.
    options = [("grpc.ssl_target_name_override", host), ("grpc.default_authority", host)]
    with grpc.secure_channel(f"ipv4:127.0.0.1:{port}", credentials, options) as channel:
        try:
            if method.endswith("/Stream"):
                answers = list(channel.unary_stream(method)(b"x", metadata=metadata, timeout=20))
            elif method.endswith("/Both"):
                answers = list(channel.stream_stream(method)(iter([b"a", b"b"]), metadata=metadata, timeout=20))
            else:
                answers = [channel.unary_unary(method)(b"x", metadata=metadata, timeout=20)]
            print("\n".join(answer.decode() for answer in answers))
        except grpc.RpcError as error:
            print(error.code().name)


if __name__ == "__main__":
    {"serve": serve, "call": call}[sys.argv[1]](*sys.argv[2:])
