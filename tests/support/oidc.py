"""A real OpenID Connect provider on loopback: npm's oidc-provider, installed once into a folder of the system's own for such
things, never into the repository. Called through fixtures of the tests that sign in with it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

VERSION = "8.8.1"
"""The newest that runs on the Node 18 of Debian 12, and on later ones; 9 wants Node 20."""
START_SECONDS, INSTALL_SECONDS = 30, 180
RETURN_TO = "/account/provider/return"
PROGRAM = """
import { Provider } from 'oidc-provider'
const { issuer, port, client, returnTo } = JSON.parse(process.env.MUSTER_OIDC)
const provider = new Provider(issuer, {
  clients: [{ client_id: client.id, client_secret: client.secret, redirect_uris: returnTo, grant_types: ['authorization_code'],
              response_types: ['code'] }],
  pkce: { required: () => true },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: false,
  cookies: { keys: ['only for tests'] },
  ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, Interaction: 600, Session: 600, Grant: 600 },
  findAccount: (_ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: id !== 'unverified', name: 'Aroha of the provider' }),
  }),
})
provider.listen(port, '127.0.0.1', () => console.log('listening'))
"""


class ProviderMissing(Exception):
    """It cannot run here; the message says why in a sentence."""


@dataclass(frozen=True)
class Provider:
    issuer: str
    client_id: str
    client_secret: str


@contextmanager
def running(*sites: str) -> Iterator[Provider]:
    """The provider, knowing one client whose pages are at ``sites`` (the tests' own site when none is named)."""
    node, folder = _node(), _installed()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    provider = Provider(f"http://127.0.0.1:{port}", "muster", "a secret between the two of them")
    settings = {
        "issuer": provider.issuer,
        "port": port,
        "client": {"id": provider.client_id, "secret": provider.client_secret},
        "returnTo": [f"{site}{RETURN_TO}" for site in sites or ("http://muster.test",)],
    }
    (folder / "provider.mjs").write_text(PROGRAM, encoding="utf-8")
    environment = {**os.environ, "MUSTER_OIDC": json.dumps(settings)}
    process = subprocess.Popen(  # noqa: S603 - our own program, no shell
        [node, str(folder / "provider.mjs")], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port, process)
        yield provider
    finally:
        process.terminate()
        process.wait(10)


def _node() -> str:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        raise ProviderMissing("npm is not installed: signing in with a provider is tested against npm's oidc-provider.")
    return node


def _installed() -> Path:
    """The folder it is installed in, shared by every run on this machine; whoever installs first does it for all."""
    folder = Path(tempfile.gettempdir()) / f"muster-oidc-provider-{VERSION}-{os.getuid()}"
    if not (folder / "node_modules" / "oidc-provider" / "package.json").exists():
        folder.parent.mkdir(exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=f"{folder.name}-"))
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(making), f"oidc-provider@{VERSION}"]
        try:
            subprocess.run(npm, check=True, capture_output=True, timeout=INSTALL_SECONDS)  # noqa: S603 - a fixed command
            making.rename(folder)
        except (subprocess.SubprocessError, OSError) as error:
            shutil.rmtree(making, ignore_errors=True)
            if not (folder / "node_modules" / "oidc-provider" / "package.json").exists():
                raise ProviderMissing(f"npm could not install oidc-provider {VERSION}: {type(error).__name__}.") from error
    return folder


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise ProviderMissing(f"oidc-provider does not start here: node ended with {process.returncode}.")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise ProviderMissing("oidc-provider did not answer in time.")
