"""The text of a commented `alice.toml`, for the documentation and for `junto certs template`."""

from __future__ import annotations

from collections.abc import Sequence

_HEAD = """\
# What {party} passes to sf.init, as a file:  sf.init(config="{party}.toml")
# The same file goes to `junto run script.py --config {party}.toml` and `junto doctor --config {party}.toml`.
# Relative paths are relative to this file. Arguments of sf.init win over it.

job_name = "pilot"                  # equal at all parties; another name is another job
require_tls = true                  # refuse to start without tls_config
# address = "10.0.0.1:6379"         # head of {party}'s own Ray cluster; without it tasks run in this process
# ledger = "{party}-ledger.jsonl"   # one line for every value that crosses our edge
# peer_timeout_s = 8.0              # silence after which a party counts as unreachable
# wait_timeout_s = 3600             # bound on a single wait; without it, as long as the other is alive
# meet_timeout_s = 600              # how long sf.init awaits the others; without it, for ever

[cluster_config]
self_party = "{party}"              # who we are: the only line that differs between the parties
"""

_PARTY = """\

[cluster_config.parties.{name}]
address = "{host}:9001"             # where the others reach {name}
{comment}listen_addr = "0.0.0.0:9001"      # what {name} binds; without it, exactly `address`
# socket_address = "{host}:9002"     # a second port, for a bare TLS socket: quicker for small values
# identity = "{name}.example.org"   # a further name that its certificate may carry
"""

_TAIL = """\

[tls_config]                        # paths, or PEM text
ca_cert = "ca.pem"                  # whom we believe: the CA that signed the others' certificates
cert = "{party}.pem"
key = "{party}.key"                 # mode 0600; never leaves this machine
# key_password = "prompt"           # where the passphrase of `key` is: "prompt", "env:NAME" or "file:PATH"

# [cross_silo_serializing_allowed_list]   # turns on restricted pickle: only for parties that trust each other
# "collections" = ["OrderedDict"]

# [cross_silo_comm_options]
# messages_max_size_in_bytes = 1073741824   # refuse larger values; without it, no bound
# [cross_silo_comm_options.grpc_retry_policy]
# initialBackoff = "0.1s"
# maxBackoff = "2s"
# backoffMultiplier = 2.0
"""


def template(party: str = "alice", others: Sequence[str] = ("bob",)) -> str:
    """A complete settings file for `party`, in which only the hosts have to be replaced."""
    parts = [_HEAD.format(party=party)]
    for name in (party, *others):
        comment = "" if name == party else "# "
        parts.append(_PARTY.format(name=name, host=f"{name}.example.org", comment=comment))
    parts.append(_TAIL.format(party=party))
    return "".join(parts)
