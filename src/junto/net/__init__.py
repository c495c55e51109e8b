"""Between silos: what passes between two parties, and on which connection. It and the doctor import grpc.

From the program to the wire. Laws are pure: events in, instructions out. The rest has threads and sockets.

    api         what the program knows of all this, and what it hears
    gateway     the other parties, where we listen, and our threads
    peer        one party: its lines, whether it is alive, how it ends
    connection  what passes between us, both ways       law: delivery, in outbox and mailbox, over steps
    streams     our ends of its ordered streams         law: ordered (windows, what is sent again)
    way         one way to it: where it is dialled, and the lines there; at other addresses, too
    ends        an end of a line until it is open       law: handshake; meeting: who was met
    line        our half of a line: what is said next, and by which thread
    carrier     who carries messages: grpc_carrier, or socket_carrier over message_socket
    frames      what a message is; header: of a frame of a stream; words: text that can be printed

The small ones: buffers, inherited.
"""
