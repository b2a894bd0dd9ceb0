"""Several requests on one HTTP/2 connection, all sent before any is answered.

A client library that threads share may send its streams out of order, which newer nginx refuses
(RFC 9113 §5.1.1).
"""

import h2.config
import h2.connection
import h2.events
import httpx


def at_once(connection, authority, path, asked):
    """Sends one GET for each of these headers; the answers, in the same order.

    `connection` is a TLS socket that has agreed on `h2`.
    """
    http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
    http2.initiate_connection()
    streams = []
    for headers in asked:
        streams.append(http2.get_next_available_stream_id())
        pseudo = [(":method", "GET"), (":path", path), (":scheme", "https"), (":authority", authority)]
        http2.send_headers(streams[-1], pseudo + [(name.lower(), value) for name, value in headers.items()], end_stream=True)
    heads, bodies, ended = {}, dict.fromkeys(streams, b""), set()
    while len(ended) < len(streams):
        connection.sendall(http2.data_to_send())
        data = connection.recv(65536)
        assert data, "the server closed the connection"
        for event in http2.receive_data(data):
            assert not isinstance(event, h2.events.ConnectionTerminated | h2.events.StreamReset), event
            if isinstance(event, h2.events.ResponseReceived):
                heads[event.stream_id] = event.headers
            elif isinstance(event, h2.events.DataReceived):
                bodies[event.stream_id] += event.data
                http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                ended.add(event.stream_id)
    return [
        httpx.Response(int(dict(heads[stream])[":status"]), content=bodies[stream], headers=[pair for pair in heads[stream] if pair[0] != ":status"])
        for stream in streams]
