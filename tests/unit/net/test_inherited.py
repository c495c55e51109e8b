"""What a child gives up: the sockets with one of our ports, and nothing else."""

import os
import socket
from contextlib import ExitStack

import pytest

from junto.net.inherited import let_go


@pytest.mark.parametrize("which", ["the listener", "the caller", "the called"])
def test_a_socket_with_one_of_the_ports_at_either_end_leads_nowhere_and_others_live(which):
    with ExitStack() as stack:
        made = []
        for _ in range(2):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            caller = stack.enter_context(socket.create_connection(listener.getsockname()))
            called = stack.enter_context(listener.accept()[0])
            made.append({"the listener": listener, "the caller": caller, "the called": called})
        ours, others = made
        bells = [stack.enter_context(each) for each in socket.socketpair()]
        port = ours[which].getsockname()[1]
        let_go({port})
        for name, each in ours.items():
            there = os.fstat(each.fileno()).st_rdev == os.stat(os.devnull).st_rdev
            touched = which != "the caller" or name != "the listener"  # that one has the other port only
            assert there == touched, name
        others["the caller"].sendall(b"x")
        assert others["the called"].recv(1) == b"x"
        bells[0].send(b"y")
        assert bells[1].recv(1) == b"y"
