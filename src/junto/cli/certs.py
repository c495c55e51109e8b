"""`junto certs`: a CA and party certificates.

On one machine (a pilot), two commands: `junto certs ca`, then `junto certs party alice bob`. Between
organisations: `ca` at one of them, `request` at each party, `sign` at the CA; keys stay where they are.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from junto.certificates import (
    CA_DAYS,
    PARTY_DAYS,
    CertificateFacts,
    Credential,
    create_ca,
    create_request,
    inspect,
    issue,
    locked,
    sign_request,
    write_new,
    write_pair,
)
from junto.cli.output import Json, console, failing, print_json
from junto.config.addresses import check_party_names
from junto.config.passphrase import opened_key, read_passphrase
from junto.errors import CertificateError

_SOON_DAYS = 30

app: typer.Typer = typer.Typer(
    help="Make and show the certificates by which the parties know each other.", no_args_is_help=True
)

Folder = Annotated[Path, typer.Option("--out", "-o", help="The folder to write to.")]
Ca = Annotated[Path, typer.Option("--ca", help="The folder with ca.pem and ca.key.")]
Hosts = Annotated[list[str] | None, typer.Option("--host", help="A host name or IP address of the party.")]
Days = Annotated[int, typer.Option(min=1, help="How long it is valid.")]
Password = Annotated[
    str | None,
    typer.Option("--key-password", help="Encrypt the key; its passphrase: prompt, env:NAME or file:PATH."),
]
CaPassword = Annotated[
    str | None,
    typer.Option(
        "--key-password", help="Where the passphrase of the CA's key is: prompt, env:NAME or file:PATH."
    ),
]
_HERE = Path("certs")


@app.command()
def ca(
    org: Annotated[
        str, typer.Option("--org", help="The organisation or consortium, as others will read it.")
    ] = "pilot",
    out: Folder = _HERE,
    days: Days = CA_DAYS,
    key_password: Password = None,
    json: Json = False,
) -> None:
    """Make a CA: ca.pem for everybody, ca.key (mode 0600) for nobody else."""
    with failing("certs ca", json):
        certificate, key = write_pair(
            out, "ca", ".pem", _locked("ca.key", create_ca(org, days), key_password)
        )
        _report("certs ca", [(certificate, key)], json, next_step=f"junto certs party alice bob --ca {out}")


@app.command()
def party(
    names: Annotated[list[str], typer.Argument(help="The parties, as cluster_config names them.")],
    host: Annotated[
        list[str] | None,
        typer.Option("--host", help="NAME=HOST: a further host name or IP address of a party."),
    ] = None,
    ca: Ca = _HERE,
    days: Days = PARTY_DAYS,
    key_password: CaPassword = None,
    json: Json = False,
) -> None:
    """Make keys and certificates for parties, on the CA's own machine (pilots and tests)."""
    with failing("certs party", json):
        check_party_names("certs party", names)
        hosts = _hosts_by_party(names, host or [])
        authority = _load_ca(ca, key_password)
        for name in names:
            _refuse_existing(ca / f"{name}.pem", ca / f"{name}.key")
        written = [write_pair(ca, name, ".pem", issue(name, hosts[name], authority, days)) for name in names]
        _report(
            "certs party",
            written,
            json,
            next_step="give each party ca.pem and its own two files; `junto certs template` prints settings",
        )


@app.command()
def request(
    name: Annotated[str, typer.Argument(help="The party, as cluster_config names it.")],
    host: Hosts = None,
    out: Folder = _HERE,
    key_password: Password = None,
    json: Json = False,
) -> None:
    """Make a key, which stays here, and the request (NAME.csr) to send to the CA."""
    with failing("certs request", json):
        check_party_names("certs request", [name])
        csr, key = write_pair(
            out, name, ".csr", _locked(f"{name}.key", create_request(name, host or ()), key_password)
        )
        _report(
            "certs request",
            [(csr, key)],
            json,
            next_step=f"send {csr.name} to the CA, and tell them the fingerprint another way, such as a call",
        )


@app.command()
def sign(
    csr: Annotated[Path, typer.Argument(help="The request, NAME.csr.")],
    ca: Ca = _HERE,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The certificate (default: NAME.pem).")
    ] = None,
    fingerprint: Annotated[str, typer.Option(help="What the party read to you; compared for you.")] = "",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Names and fingerprint are compared already.")
    ] = False,
    days: Days = PARTY_DAYS,
    key_password: CaPassword = None,
    json: Json = False,
) -> None:
    """Sign a request, after its names and fingerprint were compared with the party."""
    with failing("certs sign", json):
        pem = _read(csr)
        _confirm(inspect(pem), fingerprint, yes)
        certificate = out or csr.with_suffix(".pem")
        write_new(certificate, sign_request(pem, _load_ca(ca, key_password), days), private=False)
        _report(
            "certs sign", [(certificate, None)], json, next_step=f"send {certificate.name} and ca.pem back"
        )


@app.command()
def show(
    files: Annotated[list[Path], typer.Argument(help="Certificates or requests (PEM).")],
    json: Json = False,
) -> None:
    """Print names, fingerprint and expiry; warns when less than 30 days are left."""
    with failing("certs show", json):
        _report("certs show", [(file, None) for file in files], json)


@app.command()
def template(
    party: Annotated[str, typer.Argument(help="Whose settings.")],
    others: Annotated[list[str] | None, typer.Argument(help="The other parties (default: bob).")] = None,
) -> None:
    """Print a commented settings file for sf.init(config=...), `junto run` and `junto doctor`."""
    from junto.config.template import template as text

    with failing("certs template", False):
        names = check_party_names("certs template", [party, *(others or ["bob"])])
        sys.stdout.write(text(names[0], names[1:]))


def _hosts_by_party(names: list[str], pairs: list[str]) -> dict[str, list[str]]:
    hosts: dict[str, list[str]] = {name: [] for name in names}
    for pair in pairs:
        name, _, host = pair.partition("=")
        if name not in hosts or not host:
            raise CertificateError(
                f"--host {pair} is not NAME=HOST for one of {', '.join(names)}",
                fix="write it as --host alice=alice.example.org",
            )
        hosts[name].append(host)
    return hosts


def _refuse_existing(*paths: Path) -> None:
    """Check all files before the first one is written."""
    for path in paths:
        if path.exists():
            raise CertificateError(
                f"{path} exists and is not overwritten",
                fix="choose another folder, or move the old file away",
            )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(
            f"{path} cannot be read: {error.strerror}",
            fix="check the path, and that this account may read it",
        ) from None


def _locked(name: str, made: Credential, source: str | None) -> Credential:
    return made if source is None else locked(made, read_passphrase(name, source, repeat=True))


def _load_ca(folder: Path, source: str | None) -> Credential:
    for name in ("ca.pem", "ca.key"):
        if not (folder / name).is_file():
            raise CertificateError(
                f"there is no {name} in {folder}",
                fix=f"make a CA: junto certs ca --out {folder}, or give --ca",
            )
    return Credential(_read(folder / "ca.pem"), opened_key("ca.key", _read(folder / "ca.key"), source))


def _confirm(facts: CertificateFacts, fingerprint: str, yes: bool) -> None:
    """Somebody has compared the request with the party: by option, or asked at the terminal."""
    if fingerprint:
        if _bare(fingerprint) != _bare(facts.fingerprint):
            raise CertificateError(
                f"the request's fingerprint is {facts.fingerprint}, not the one given",
                fix="do not sign it: somebody else made this request, or it was damaged on its way",
            )
        return
    if yes:
        return
    if not sys.stdin.isatty():
        raise CertificateError(
            "nobody has compared this request with the party that made it",
            fix="ask the party for its fingerprint and give it: --fingerprint SHA256:...",
        )
    out = console(stderr=True)
    out.print(f"names        {facts.names}\nfingerprint  {facts.fingerprint}", markup=False)
    if not typer.confirm("Did the party read you this fingerprint, and are the names its own?", err=True):
        raise CertificateError(
            "not signed", fix="have the fingerprint read out again, and type yes if it is the same"
        )


def _bare(fingerprint: str) -> str:
    return fingerprint.upper().removeprefix("SHA256").replace(":", "").replace(" ", "")


def _report(
    command: str, files: Sequence[tuple[Path, Path | None]], json: bool, *, next_step: str = ""
) -> None:
    described = [_describe(file, key) for file, key in files]
    if json:
        print_json({"command": command, "exit_code": 0, "files": described, "next_step": next_step})
        return
    out = console()
    for each in described:
        out.print(f"{each['file']}  ({each['kind']})", style="bold", markup=False)
        for word in ("key", "names", "fingerprint", "issuer", "expires", "warning"):
            if each[word]:
                style = "yellow" if word == "warning" else None
                out.print(f"  {word:<12} {each[word]}", style=style, markup=False, soft_wrap=True)
    if next_step:
        out.print(f"next: {next_step}", style="dim", markup=False, soft_wrap=True)


def _describe(file: Path, key: Path | None) -> dict[str, Any]:
    facts = inspect(_read(file))
    days = facts.days_left()
    warning = None
    if days is not None and days < 0:
        warning = "expired"
    elif days is not None and days < _SOON_DAYS:
        warning = f"expires in {days} days"
    return {
        "file": str(file),
        "key": str(key) if key else None,
        "kind": facts.kind,
        "names": str(facts.names),
        "fingerprint": facts.fingerprint,
        "issuer": facts.issuer,
        "expires": f"{facts.not_after:%Y-%m-%d %H:%M} UTC" if facts.not_after else None,
        "days_left": days,
        "warning": warning,
    }
