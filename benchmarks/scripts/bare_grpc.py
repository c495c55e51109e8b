"""The least that a start with gRPC takes: import it, and make or serve one call with mutual TLS."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from say import given, memory, say

arguments = given()
ca_cert, cert, key = (Path(arguments[name]).read_bytes() for name in ("ca_cert", "cert", "key"))
if arguments["serve"]:
    server = grpc.server(ThreadPoolExecutor(1))
    echo = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bare", {"Echo": echo}),))
    credentials = grpc.ssl_server_credentials([(key, cert)], ca_cert, require_client_auth=True)
    server.add_secure_port(arguments["address"], credentials)
    server.start()
    server.wait_for_termination()
else:
    channel = grpc.secure_channel(
        arguments["address"],
        grpc.ssl_channel_credentials(ca_cert, key, cert),
        options=[
            ("grpc.ssl_target_name_override", "bob"),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
        ],
    )
    channel.unary_unary("/bare/Echo")(b"", wait_for_ready=True, timeout=20)
    say(answered=time.monotonic(), **memory())
