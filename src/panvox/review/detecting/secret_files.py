"""Files that are secrets as a whole: by their names and, where those are not enough, what they hold."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

_HARMLESS = re.compile(r"example|sample|template|\bdist\b|defaults?\b|schema|test-?vectors")
_BY_NAME = (
    *(
        ".env",
        ".env.*",
        "*.env",
        "id_rsa",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        "id_ed25519_sk",
        "id_ecdsa_sk",
    ),
    *("*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", ".netrc", "_netrc", ".pgpass", ".my.cnf"),
    *(
        "*.tfstate",
        "*.tfstate.backup",
        ".htpasswd",
        ".git-credentials",
        ".dockercfg",
        "*.agekey",
        ".vault-token",
    ),
    *("*.ovpn", "secring.*", ".s3cfg", ".boto", "kubeconfig", "*.kubeconfig"),
)
_BY_PLACE = (
    ".aws/credentials",
    ".kube/config",
    ".docker/config.json",
    ".config/gh/hosts.yml",
    ".gem/credentials",
)
_BY_CONTENT = (
    # name, what must be in it
    ("*.pem", re.compile(r"PRIVATE KEY")),
    ("*.key", re.compile(r"PRIVATE KEY|^[A-Za-z0-9+/=]{32,}+\s*+\Z")),
    ("*.asc", re.compile(r"PRIVATE KEY")),
    (".npmrc", re.compile(r"_auth|_password")),
    (".yarnrc*", re.compile(r"npmAuth(?:Token|Ident)\s*+:\s*+[^\s$]")),
    (".pypirc", re.compile(r"password")),
    ("pip.conf", re.compile(r"://[^/\s@]{1,200}+@")),
    ("credentials", re.compile(r"aws_secret_access_key|_key\s*+=")),
    ("*.json", re.compile(r'"private_key"\s*+:\s*+"-----BEGIN')),  # a service account
)
_KUBECONFIG = re.compile(r"client-key-data:|^\s*+token:", re.MULTILINE)


def secret_file(path: str, text: str) -> bool:
    """Whether the file as a whole is a secret. `path` has `/` between its parts."""
    folder_and_name = path.lower()
    name = folder_and_name.rpartition("/")[2]
    if not text.strip() or _HARMLESS.search(name):
        return False
    if any(fnmatchcase(name, pattern) for pattern in _BY_NAME):
        return True
    if any(f"/{folder_and_name}".endswith(f"/{place}") for place in _BY_PLACE):
        return True
    if any(fnmatchcase(name, pattern) and content.search(text) for pattern, content in _BY_CONTENT):
        return True
    return name in {"config", "config.yaml"} and "clusters:" in text and bool(_KUBECONFIG.search(text))


def lock_file(name: str) -> bool:
    """Whether the file lists packages with their digests, which look random and are public."""
    from detect_secrets.filters.heuristic import is_lock_file  # noqa: PLC0415 - brings a network library

    base = name.rpartition("/")[2].lower()
    others = {"pnpm-lock.yaml", "bun.lock", "go.sum", "npm-shrinkwrap.json", "flake.lock", "gradle.lockfile"}
    return is_lock_file(name) or base in others or base.endswith((".lock", ".sum", ".lockb"))
