"""`sf.init`'s arguments to one frozen `Settings`: the only place where settings are judged."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any, cast

from junto.config.addresses import parse_address, parse_cluster, parse_party_list
from junto.config.link import parse_allowed_list, parse_comm, parse_link
from junto.config.model import Mode, PartySettings, RaySettings, Settings, TlsSettings
from junto.config.plaintext import check_plaintext
from junto.config.section import Section, wrong_type
from junto.config.setting_names import REFUSED_TOP, TOP
from junto.errors import ConfigError
from junto.log import LEVELS

_log = logging.getLogger("junto.config")


def build_settings(arguments: Mapping[str, Any], *, today: bool = True) -> Settings:
    """Check what `sf.init` was told and freeze it.

    `arguments` has the keys of `sf.init`; None counts as not given. With `config` (a path), the file's
    settings are read first and the other arguments win over them. The arguments are not changed.
    Without `today`, a certificate that is not valid today is no error yet: a doctor says it to both sides.

    Raises ConfigError (a setting is unknown, missing, of the wrong type or contradicts another) and
    CertificateError (`tls_config`). Warns, once, if production would run without TLS beyond this
    machine. Nothing is bound, resolved or dialled.
    """
    return _build(Section("", _with_file(arguments), TOP, REFUSED_TOP), today=today)


def _with_file(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    path = Section("", arguments, TOP, REFUSED_TOP).path("config")
    if path is None:
        return arguments
    from junto.config.toml import merge, read_toml

    return merge(read_toml(path), {key: value for key, value in arguments.items() if key != "config"})


def _build(top: Section, *, today: bool) -> Settings:
    mode = _mode(top)
    cluster, self_party = (
        parse_cluster(top.raw("cluster_config"))
        if mode is Mode.PRODUCTION
        else (dict[str, PartySettings](), None)
    )
    backend = top.text("cross_silo_comm_backend")
    if backend not in (None, "grpc"):
        raise ConfigError(
            f"cross_silo_comm_backend is {backend!r}, but values travel by gRPC only", fix="leave it out"
        )
    comm = parse_comm(top)
    ray = _ray(top, mode)
    return Settings(
        mode=mode,
        # Sorted: each party lists them in an order of its own, and all must number them alike.
        parties=tuple(sorted(cluster)) if cluster else parse_party_list("parties", top.raw("parties")),
        self_party=self_party,
        cluster=cluster,
        tls=_tls(top, mode, cluster, today=today),
        require_tls=top.flag("require_tls", False),
        job_name=_job_name(top),
        ray=ray,
        link=parse_link(top, comm),
        wait_for_parties=top.flag("enable_waiting_for_other_parties_ready", True),
        allow_pickle=parse_allowed_list(top, comm),
        wire_types=_wire_types(top),
        expose_remote_errors=top.flag("expose_remote_errors", False),
        ledger=top.path("ledger"),
        logging_level=_level(top),
        omp_num_threads=top.integer("omp_num_threads", 1),
        workers=_workers(top, ray),
    )


def _mode(top: Section) -> Mode:
    production, single = top.has("cluster_config"), top.has("parties")
    debug = top.flag("debug_mode", False)
    if production and single:
        raise ConfigError(
            "both parties and cluster_config are given, but they are two modes",
            fix="parties runs all parties in this process (simulation); cluster_config runs one of them "
            "(production): leave one out",
        )
    if production:
        if debug:
            raise ConfigError(
                "debug_mode runs all parties in one thread, so it cannot go with cluster_config",
                fix="use sf.init(parties=[...], debug_mode=True)",
            )
        return Mode.PRODUCTION
    if not single:
        raise ConfigError(
            "neither parties nor cluster_config is given",
            fix='use sf.init(parties=["alice", "bob"]) to simulate, or cluster_config={...} in production',
        )
    if debug:
        if _ray_address(top) is not None:
            raise ConfigError(
                "debug_mode runs without Ray, so address has no use", fix="leave one of them out"
            )
        return Mode.DEBUG
    return Mode.SIMULATION if _ray_address(top) is None else Mode.SIMULATION_RAY


def _ray_address(top: Section) -> str | None:
    """`address`: None and "local" are the embedded executor, host:port is a Ray cluster's head."""
    address = top.text("address")
    if address is None or address == "local":
        return None
    if address == "auto" or address.startswith("ray://"):
        raise ConfigError(
            f"address is {address!r}; junto attaches to one named Ray cluster as a driver",
            fix="give the host:port that `ray start --head` printed",
        )
    return str(parse_address("address", address))


def _ray(top: Section, mode: Mode) -> RaySettings | None:
    address = _ray_address(top)
    runtime_env = top.table("runtime_env")
    if mode is Mode.DEBUG or address is None:
        if top.number("num_gpus", least=0):
            raise ConfigError(
                "num_gpus is given, but only Ray hands out GPUs", fix="give address, or leave it out"
            )
        if runtime_env is not None:
            raise ConfigError(
                "runtime_env is given, but only Ray makes one", fix="give address, or leave it out"
            )
        if not top.flag("log_to_driver", True):
            _log.info("log_to_driver=False changes nothing without Ray: tasks run and print in this process")
        return None
    return RaySettings(
        address=address,
        num_cpus=top.number("num_cpus", least=0),
        num_gpus=top.number("num_gpus", least=0),
        log_to_driver=top.flag("log_to_driver", True),
        runtime_env=runtime_env,
    )


def _workers(top: Section, ray: RaySettings | None) -> int | None:
    """Threads of the embedded executor: `workers`, or `num_cpus` where there is no Ray."""
    workers = top.integer("workers", 1)
    if ray is not None:
        if workers is not None:
            raise ConfigError(
                "workers is given, but with address Ray schedules the tasks", fix="leave workers out"
            )
        return None
    cpus = top.number("num_cpus", above=0)
    if workers is not None and cpus is not None and workers != cpus:
        raise ConfigError(
            "workers and num_cpus differ, but without Ray they are one setting", fix="keep one of them"
        )
    return workers if workers is not None or cpus is None else max(1, int(cpus))


def _tls(
    top: Section, mode: Mode, cluster: Mapping[str, PartySettings], *, today: bool
) -> TlsSettings | None:
    required = top.flag("require_tls", False)
    if mode is not Mode.PRODUCTION:
        for key, given in (("tls_config", top.has("tls_config")), ("require_tls", required)):
            if given:
                raise ConfigError(
                    f"{key} is given, but with parties everything stays in this process or Ray cluster",
                    fix=f"leave {key} out, or use cluster_config",
                )
        return None
    if top.has("tls_config"):
        from junto.config.pem import parse_tls

        return parse_tls(top.raw("tls_config"), today=today)
    if required:
        raise ConfigError(
            "require_tls is set, but there is no tls_config", fix="`junto certs` makes the files"
        )
    sockets = [place for party in cluster.values() for place in (party.socket, party.socket_listen) if place]
    check_plaintext("a bare socket (socket_address)", sockets)
    exposed = [
        party.name
        for party in cluster.values()
        if not (party.address.is_loopback and party.listen.is_loopback)
    ]
    if exposed:
        _log.warning(
            "no tls_config: values travel unencrypted, and whoever reaches the port can claim to be "
            "any party (%s: not on loopback). `junto certs` makes certificates; require_tls=True makes "
            "this an error.",
            ", ".join(exposed),
        )
    return None


def _job_name(top: Section) -> str:
    name = top.text("job_name") or "junto"
    if len(name) > 200 or not name.isprintable():
        raise ConfigError("job_name has to be at most 200 printable characters", fix="take a shorter one")
    return name


def _level(top: Section) -> str:
    level = (top.text("logging_level") or "info").lower()
    if level not in LEVELS:
        import difflib

        near = difflib.get_close_matches(level, LEVELS, n=1)
        raise ConfigError(
            f"logging_level is {level!r}",
            fix=f"did you mean {near[0]}?" if near else f"choose one of: {', '.join(LEVELS)}",
        )
    return level


def _wire_types(top: Section) -> Mapping[str, type]:
    value: object = top.raw("wire_types")
    if value is None:
        return {}
    if isinstance(value, Mapping):
        entries = list(cast("Mapping[object, object]", value).items())
    elif isinstance(value, list | tuple):
        entries = [(getattr(entry, "__name__", ""), entry) for entry in cast("list[object]", value)]
    else:
        raise wrong_type(
            "wire_types", "a list of dataclasses, or a table from short name to dataclass", value
        )
    types: dict[str, type] = {}
    for name, entry in entries:
        if not isinstance(entry, type) or not dataclasses.is_dataclass(entry):
            raise ConfigError(
                f"wire_types: {getattr(entry, '__name__', type(entry).__name__)} is not a dataclass",
                fix="pass the classes themselves, each decorated with @dataclass, in the call of sf.init "
                "(a TOML file cannot hold classes)",
            )
        if not isinstance(name, str) or not name:
            raise wrong_type("each name in wire_types", "text", name)
        if name in types:
            raise ConfigError(
                f"wire_types has two classes named {name!r}", fix="give a table with names of your own"
            )
        types[name] = entry
    return types
