"""Secrets never leave: what is found, what is not, and what is left when they are masked.

All secrets here are made up while the tests run, so that no other tool takes this file for a leak.
"""

from __future__ import annotations

import base64
import json
import random
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panvox.review import secrets
from panvox.review.detecting.formats import KINDS
from panvox.review.material import InputFile, LeftOut, Material
from panvox.review.secrets import Secret, find_secrets, masked, refusal, unused_allowances

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
SOURCE = Path(__file__).parents[1] / "src"


def made(size: int, alphabet: str = ALNUM) -> str:
    """The same random-looking characters in each run."""
    chance = random.Random(size * 1_000 + len(alphabet))  # noqa: S311 - nothing that must stay secret
    return "".join(chance.choices(alphabet, k=size))


def file(path: str, text: str, kind: str = "file") -> InputFile:
    return InputFile(path=path, text=text, sha256="", bytes=len(text), kind=kind)  # type: ignore[arg-type]


def of(*files: InputFile) -> Material:
    return Material(files=files)


def kinds(path: str, text: str, kind: str = "file") -> list[str]:
    return [secret.kind for secret in find_secrets(of(file(path, text, kind)))]


PEM = "\n".join(
    ("-----BEGIN RSA PRIVATE KEY-----", "MIIE" + made(60), made(64), "-----END RSA PRIVATE KEY-----")
)
FORMATS = [
    ("Anthropic key", "sk-ant-api03-" + made(90)),
    ("OpenRouter key", "sk-or-v1-" + made(64, HEX)),
    ("OpenAI key", "sk-proj-" + made(48)),
    ("OpenAI key", "sk-" + made(48)),
    ("Groq key", "gsk_" + made(52)),
    ("Google key", "AIza" + made(35)),
    ("Hugging Face token", "hf_" + made(34)),
    ("Replicate token", "r8_" + made(37)),
    ("xAI key", "xai-" + made(80)),
    ("Together key", "tgp_v1_" + made(43)),
    ("NVIDIA key", "nvapi-" + made(64)),
    ("AWS key", "AKIA" + made(16, string.ascii_uppercase)),
    ("GitHub token", "ghp_" + made(36)),
    ("GitHub token", "github_pat_" + made(22) + "_" + made(59)),
    ("GitLab token", "glpat-" + made(20)),
    ("Slack token", "xoxb-" + made(12, "123456789") + "-" + made(24)),
    ("Slack token", "https://hooks.slack.com/services/T" + made(8) + "/B" + made(8) + "/" + made(24)),
    ("Stripe key", "sk_live_" + made(24)),
    ("SendGrid key", "SG." + made(22) + "." + made(43)),
    ("npm token", "npm_" + made(36)),
    ("PyPI token", "pypi-AgEIcHlwaS5vcmc" + made(80)),
    ("Telegram token", made(10, "123456789") + ":" + made(35)),
    ("Twilio key", "SK" + made(32, HEX)),
    ("Azure storage key", "AccountKey=" + made(86) + "=="),
]


@pytest.mark.parametrize(("kind", "value"), FORMATS)
@pytest.mark.parametrize("around", ["{}", 'client = Client("{}")', "+    - {}  # for tests", "[{}](x)"])
def test_a_key_in_a_known_format_is_found_wherever_it_stands(kind: str, value: str, around: str) -> None:
    text = "first\n" + around.format(value) + "\nlast"
    found = find_secrets(of(file("src/a.py", text)))
    assert [(each.line, each.kind) for each in found] == [(2, kind)]
    left = masked(of(file("src/a.py", text))).files[0]
    assert left.masked == 1
    assert value not in left.text
    assert value[-12:] not in left.text
    assert left.text.startswith("first\n")
    assert left.text.endswith("\nlast")


def test_a_token_goes_with_all_its_parts() -> None:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(b'{"sub":"12345"}').decode().rstrip("=")
    token = f"{head}.{body}.{made(43)}"
    assert masked(of(file("a.txt", f"jwt {token} end"))).files[0].text == "jwt [secret: JSON Web Token] end"


NAMED = [
    ("a.py", 'password = "hunter2"', "password"),
    ("a.py", 'db_password: str = "hunter2"', "password"),
    ("a.py", 'login(user="bob", password="swordfish")', "password"),
    ("a.py", 'auth = ("bob", "hunter22")', "password"),
    ("a.py", '"password": "hunter2"', "password"),
    ("a.py", f'os.environ["MISTRAL_API_KEY"] = "{made(32)}"', "key or token"),
    ("a.ts", f"const token: string = '{made(32)}';", "key or token"),
    ("a.go", f'secret := "{made(24)}"', "key or token"),
    ("a.java", 'String password = "Winter2024";', "password"),
    ("a.php", "'password' => 'qwe123rty',", "password"),
    ("a.json", '{"client_secret": "' + made(30) + '"}', "key or token"),
    ("a.yaml", "db_password: hunter2", "password"),
    ("a.yaml", f"  api-key: {made(32)}  # of the service", "key or token"),
    ("a.ini", f"aws_secret_access_key = {made(40)}", "key or token"),
    ("a.properties", "spring.datasource.password=Geheim99", "password"),
    ("a.sh", "export DB_PASSWORD=abc123!x", "password"),
    ("a.sh", "PGPASSWORD=hunter22 psql -h db", "password"),
    ("a.sh", "curl -u bob:hunter22 https://a.test", "password"),
    ("Dockerfile", "ENV DB_PASSWORD=abc123xyz", "password"),
    ("a.xml", "<password>hunter22</password>", "password"),
    ("a.sql", "CREATE USER bob IDENTIFIED BY 'hunter22'", "password"),
    ("redis.conf", "requirepass hunter22", "password"),
    ("notes.md", "Password: hunter22", "password"),
    ("a.txt", "postgres://bob:pa55w0rd@db.test/x", "password in an address"),
    ("a.txt", f"Authorization: Bearer {made(40)}", "bearer token"),
    ("a.txt", "Authorization: Basic " + base64.b64encode(b"bob:hunter22").decode(), "basic authentication"),
    (".yarnrc", f"//registry.test/:_authToken={made(36, HEX)}", "npm token"),
    ("a.py", f'x = "{made(40)}"', "random text"),
]


@pytest.mark.parametrize(("path", "line", "kind"), NAMED)
def test_what_is_given_to_the_name_of_a_secret_is_found(path: str, line: str, kind: str) -> None:
    assert kinds(path, line) == [kind]


HARMLESS = [
    ("a.py", 'password = os.environ["DB_PASSWORD"]'),
    ("a.py", 'password = getpass.getpass("Password: ")'),
    ("a.py", 'password = "changeme"'),
    ("a.py", 'password = "xxx"'),
    ("a.py", 'password = "example"'),
    ("a.py", 'password = "test1234"'),
    ("a.py", 'password = f"{user}-1"'),
    ("a.py", 'api_key = "<your key>"'),
    ("a.py", 'api_key = "your-api-key-1234"'),
    ("a.py", 'token_type = "access_token_v2"'),
    ("a.py", 'secret_name = "prod/db/password1"'),
    ("a.py", "max_tokens = 4096"),
    ("a.py", "password: str | None = None"),
    ("a.py", "password_hash = sha256(password).hexdigest()"),
    ("a.py", f'digest = "{made(64, HEX)}"'),
    ("a.py", 'id = "3f2b8c1e-9a4d-4c7b-8e21-5d6f7a8b9c0d"'),
    ("a.py", 'ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"'),
    ("a.py", '"-----BEGIN PRIVATE KEY-----"'),
    ("a.py", "key = 'AKIAIOSFODNN7EXAMPLE'"),
    ("a.ts", "const token = await getToken(user1)"),
    ("a.ts", "password?: string; user2: string"),
    ("a.yaml", "password: ${DB_PASSWORD}"),
    ("a.yaml", "password: {{ vault.db1 }}"),
    ("a.yaml", "secretName: my-secret-1"),
    ("a.yaml", "tokenizer: gpt2-1234abc"),
    ("a.yaml", "password: required"),
    ("a.sh", "PASSWORD=$1"),
    ("a.sh", 'PASSWORD="$(pass show db1)"'),
    ("a.md", "The password: at least 8 characters, one of them a digit"),
    ("a.md", "https://user:password@host.test/ and https://bob:bob@host.test/"),
    ("a.json", f'{{"nextPageToken": "{made(24)}"}}'),
    ("uv.lock", f'name = "x"\nhash = "{made(43)}"'),
    ("package-lock.json", f'"integrity": "sha512-{made(86)}=="'),
]


@pytest.mark.parametrize(("path", "line"), HARMLESS)
def test_what_only_looks_like_one_raises_no_alarm(path: str, line: str) -> None:
    assert kinds(path, line) == []


def test_the_code_of_this_product_has_no_secret() -> None:
    files = [file(str(each), each.read_text()) for each in sorted(SOURCE.rglob("*.py"))]
    assert find_secrets(of(*files)) == ()


# --- private keys, files, diffs ---


def test_a_private_key_is_one_finding_and_goes_line_by_line() -> None:
    text = f"before\n{PEM}\nafter\n"
    found = find_secrets(of(file("a.txt", text)))
    assert [(each.line, each.kind) for each in found] == [(2, "private key")]
    left = masked(of(file("a.txt", text))).files[0].text
    assert left.splitlines() == [
        "before",
        "-----BEGIN RSA PRIVATE KEY-----",
        "[secret: private key]",
        "[secret: private key]",
        "-----END RSA PRIVATE KEY-----",
        "after",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "key = " + json.dumps(PEM),
        "\n".join("    " + line for line in PEM.splitlines()),
        "\n".join("+" + line for line in PEM.splitlines()),
        PEM.replace("\n", "\r\n"),
        PEM.rpartition("\n")[0] + "\nand so on",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n"
        + made(64)
        + "\n-----END PGP PRIVATE KEY BLOCK-----",
    ],
)
def test_a_private_key_is_found_quoted_indented_added_and_cut_off(text: str) -> None:
    assert kinds("a.txt", text) == ["private key"]
    left = masked(of(file("a.txt", text))).files[0].text
    assert made(64)[:20] not in left
    assert left.count("\n") == text.count("\n")
    assert left.count("\r") == text.count("\r")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".env", "A=1"),
        ("deploy/.env.production", "A=1"),
        ("home/.ssh/id_rsa", "x"),
        ("id_ed25519", "x"),
        ("store.p12", "x"),
        ("a.kdbx", "x"),
        (".netrc", "machine a login b password c"),
        (".git-credentials", "x"),
        (".htpasswd", "bob:x"),
        ("terraform.tfstate", "{}"),
        (".aws/credentials", "[default]"),
        (".kube/config", "x"),
        ("server.pem", PEM),
        (".npmrc", "//registry.npmjs.org/:_authToken=x"),
        (".pypirc", "password = x"),
        ("account.json", '{"type": "service_account", "private_key": ' + json.dumps(PEM) + "}"),
    ],
)
def test_a_file_of_secrets_is_one_finding_and_does_not_go_out(path: str, text: str) -> None:
    material = of(file(path, text), file("a.py", "x = 1"))
    assert [(each.path, each.line, each.kind) for each in find_secrets(material)] == [
        (path, 0, "file of secrets")
    ]
    left = masked(material)
    assert [each.path for each in left.files] == ["a.py"]
    assert left.left_out == (LeftOut(path, "a file of secrets"),)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (".env.example", "API_KEY="),
        (".env.sample", "API_KEY=your-key"),
        (".env", "\n"),
        ("ca.pem", "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----"),
        ("src/environment.py", "x = 1"),
        (".npmrc", "save-exact=true"),
        ("package.json", '{"type": "module"}'),
        ("config", "x"),
    ],
)
def test_examples_and_public_files_may_go_out(path: str, text: str) -> None:
    assert kinds(path, text) == []


DIFF = """\
diff --git a/app/settings.py b/app/settings.py
--- a/app/settings.py
+++ b/app/settings.py
@@ -1,2 +1,2 @@ def settings():
-password = "oldone99"
+password = "newone99"
 name = password
diff --git a/.env b/.env
new file mode 100644
--- /dev/null
+++ b/.env
@@ -0,0 +1,2 @@
+A=1
+B=two
diff --git a/values.yaml b/values.yaml
--- a/values.yaml
+++ b/values.yaml
@@ -1 +1 @@
+password: hunter2
"""


@pytest.mark.parametrize(
    ("path", "kind"), [("<diff main..HEAD>", "diff"), ("<stdin>", "stdin"), ("a.patch", "file")]
)
def test_a_diff_is_read_file_by_file_also_what_it_takes_away(path: str, kind: str) -> None:
    material = of(file(path, DIFF, kind))
    assert [(each.line, each.kind) for each in find_secrets(material)] == [
        (5, "password"),
        (6, "password"),
        (13, "file of secrets"),
        (19, "password"),
    ]
    left = masked(material).files[0].text.splitlines()
    assert left[4:7] == [
        '-password = "[secret: password]"',
        '+password = "[secret: password]"',
        " name = password",
    ]
    assert left[11:15] == [
        "@@ -0,0 +1,2 @@",
        "+[secret: file of secrets]",
        "+[secret: file of secrets]",
        "diff --git a/values.yaml b/values.yaml",
    ]
    assert left[18] == "+password: [secret: password]"


# --- allowing ---

TWO = 'password = "hunter2"\nother = 1\npassword = "hunter3"\n'


def test_a_finding_is_allowed_by_mark_place_or_file() -> None:
    material = of(file("src/a.py", TWO))
    first, second = find_secrets(material)
    assert find_secrets(material, allowed=[first.mark]) == (second,)
    assert find_secrets(material, allowed=["src/a.py:3"]) == (first,)
    assert find_secrets(material, allowed=["./src/a.py"]) == ()
    assert find_secrets(material, allowed=["src/a.py:2", "src"]) == (first, second)
    kept = masked(material, allowed=[first.mark]).files[0]
    assert kept.text == 'password = "hunter2"\nother = 1\npassword = "[secret: password]"\n'
    assert masked(material, allowed=["src/a.py"]) is material


def test_an_allowed_file_of_secrets_goes_out_as_it_is() -> None:
    material = of(file(".env", "PASSWORD=hunter2"))
    (found,) = find_secrets(material)
    for allowed in (found.mark, ".env"):
        assert find_secrets(material, allowed=[allowed]) == ()
        assert masked(material, allowed=[allowed]) is material


def test_an_allowance_that_allows_nothing_is_told() -> None:
    material = of(file("src/a.py", TWO))
    mark = find_secrets(material)[0].mark
    allowed = [mark, "src/a.py:3", "src/a.py", "src/a.py:2", "src/b.py", "0000000"]
    assert unused_allowances(material, allowed) == ("src/a.py:2", "src/b.py", "0000000")
    assert unused_allowances(material, []) == ()


@pytest.mark.parametrize(
    "line",
    [
        'password = "hunter2"  # panvox: allow secret',
        'password = "hunter2"  # Panvox: allow secret, it is made up',
        'password = "hunter2"  # pragma: allowlist secret',
        'password = "hunter2"  // gitleaks:allow',
        '# pragma: allowlist nextline secret\npassword = "hunter2"',
    ],
)
def test_a_line_can_say_that_its_secret_may_go_out(line: str) -> None:
    material = of(file("a.py", f'{line}\npassword = "hunter3"'))
    assert [each.line for each in find_secrets(material)] == [line.count("\n") + 2]
    assert masked(material).files[0].text == f'{line}\npassword = "[secret: password]"'


def test_a_mark_stays_when_the_line_moves_and_depends_on_path_and_value() -> None:
    def marks(path: str, text: str) -> set[str]:
        return {each.mark for each in find_secrets(of(file(path, text)))}

    (mark,) = marks("a.py", 'password = "hunter2"')
    assert marks("a.py", 'import x\n\n    password = "hunter2"') == {mark}
    assert marks("b.py", 'password = "hunter2"') != {mark}
    others = {other for n in range(40) for other in marks("a.py", f'password = "hunter{n}x"')}
    assert len(others) > 30


def test_a_mark_confirms_no_more_than_eight_bits_of_a_guess() -> None:
    guesses = {
        each.mark for n in range(2_000) for each in find_secrets(of(file("a.py", f'password = "hunter{n}y"')))
    }
    assert len(guesses) <= 256


# --- nothing of a value is told ---


def test_no_value_is_in_what_is_given_back() -> None:
    lines = [value for _, value in FORMATS] + [line for _, line, _ in NAMED]
    material = of(*(file(f"{n}.yaml", text) for n, text in enumerate(lines)), file("k.txt", PEM))
    found = find_secrets(material)
    told = repr(found) + refusal(found) + "".join(refusal([each]) for each in found)
    words = [value for _, value in FORMATS] + [
        "hunter2",
        "swordfish",
        "pa55w0rd",
        made(32),
        made(40),
        made(64),
    ]
    assert [word for word in words if word in told] == []


def test_a_refusal_names_twenty_places_counts_the_others_and_tells_what_to_do() -> None:
    found = [Secret(path=f"src/{n}.py", line=n, kind="password", mark=f"{n:06x}") for n in range(1, 1_235)]
    told = refusal(found)
    assert told.startswith("1,234 places look like secrets, and nothing was sent:\n  src/1.py:1 ")
    assert "src/20.py:20" in told
    assert "src/21.py" not in told
    assert "and 1,214 more" in told
    for word in ("--mask-secrets", "--allow-secret MARK|PATH[:LINE]", "--allow-secrets", ".panvoxignore"):
        assert word in told
    one = refusal([Secret(path="a\n\x1b[31m.env", line=0, kind="file of secrets", mark="0a1b2c")])
    assert one.splitlines()[:2] == [
        "one place looks like a secret, and nothing was sent:",
        "  a??[31m.env  file of secrets  0a1b2c",
    ]


# --- properties ---

PIECES = st.one_of(
    st.text(max_size=30),
    st.sampled_from([value for _, value in FORMATS]),
    st.sampled_from([line for _, line, _ in NAMED]),
    st.sampled_from([line for _, line in HARMLESS]),
    st.sampled_from([PEM, PEM[:60], PEM[60:], DIFF, DIFF[:200], DIFF[200:]]),
    st.sampled_from(
        ["\n", " ", '"', "'", "=", ": ", "password = ", "secret", "[secret: password]", "[secret: "]
    ),
    st.sampled_from([f"[secret: {kind}]" for kind in sorted(KINDS)]),
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)
PATHS = st.sampled_from(["a.py", "a.yaml", "notes.md", "a.diff", "uv.lock", "Dockerfile"])
KIND = st.sampled_from(["file", "stdin", "diff"])


@settings(max_examples=300, deadline=None)
@given(path=PATHS, text=TEXTS, kind=KIND, data=st.data())
def test_after_masking_nothing_is_found_and_lines_stay(
    path: str, text: str, kind: str, data: st.DataObject
) -> None:
    material = of(file(path, text, kind))
    found = find_secrets(material)
    names = sorted({name for each in found for name in each.names})
    allowed = data.draw(st.lists(st.sampled_from(names), max_size=2)) if names else []
    left = masked(material, allowed=allowed)
    assert find_secrets(left, allowed=allowed) == ()
    assert masked(left, allowed=allowed) is left
    assert left.files[0].text.count("\n") == text.count("\n")
    assert (left is material) == (find_secrets(material, allowed=allowed) == ())
    lines = zip(text.split("\n"), left.files[0].text.split("\n"), strict=True)
    assert all(before == after or "[secret: " in after for before, after in lines)


@settings(max_examples=100, deadline=None)
@given(path=PATHS, text=TEXTS)
def test_where_masks_never_come_to_rest_whole_lines_go(path: str, text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "_ROUNDS", 0)
        left = masked(of(file(path, text)))
    assert find_secrets(left) == ()
    assert left.files[0].text.count("\n") == text.count("\n")


MEGABYTE = 1 << 20
RANDOM = "".join(random.Random(7).choices(ALNUM + "+/", k=MEGABYTE))  # noqa: S311 - the same in each run


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        " " * MEGABYTE,
        "password =" + " " * MEGABYTE,
        ("secret" + " " * 500) * 2_000,
        "secret" * (MEGABYTE // 6),
        "password=" * (MEGABYTE // 9),
        '"' * MEGABYTE,
        RANDOM,
        f'"{RANDOM}"',
        "eyJ" * (MEGABYTE // 3),
        "sk-" * (MEGABYTE // 3),
        "xoxb-1-" * (MEGABYTE // 7),
        "glagent-" + "a" * MEGABYTE,
        "://a:b1c@" * (MEGABYTE // 9),
        "-----BEGIN RSA PRIVATE KEY-----\n" * (MEGABYTE // 32),
        '"type": "service_account"' * (MEGABYTE // 25),
        "aws key " * (MEGABYTE // 8),
        "--- a\n+++ b\n" * (MEGABYTE // 12),
        "İ" * MEGABYTE,
        'password = "hunter2" ' * (MEGABYTE // 21),
    ],
    ids=lambda text: text[:12].strip() or "spaces",
)
def test_a_hostile_megabyte_is_looked_through_all_the_same(text: str) -> None:
    material = of(file("a.json", text, "stdin"))
    assert find_secrets(masked(material)) == ()


def test_nothing_is_asked_over_the_network_and_no_setting_of_the_detector_is_touched() -> None:
    script = (
        "import sys\n"
        "from panvox.review.material import InputFile, Material\n"
        "from panvox.review.secrets import find_secrets, masked\n"
        "assert 'detect_secrets' not in sys.modules, 'loaded before it is needed'\n"
        "def refuse(event, _):\n"
        "    assert not event.startswith('socket.'), event\n"
        "sys.addaudithook(refuse)\n"
        "text = sys.stdin.read()\n"
        "m = Material(files=(InputFile(path='a.py', text=text, sha256='', bytes=1),))\n"
        "assert find_secrets(m) and masked(m)\n"
        "from detect_secrets import settings\n"
        "assert settings.get_settings.cache_info().misses == 0\n"
        "assert settings.get_plugins.cache_info().misses == 0\n"
    )
    text = "\n".join(value for _, value in FORMATS)
    done = subprocess.run(
        [sys.executable, "-c", script], input=text, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == ""
    assert done.returncode == 0
