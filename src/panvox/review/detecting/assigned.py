"""Values that are given to a name such as `password` or `api_key`, and texts in quotes that look random.

The names are those of detect-secrets, with some that it lacks; its expressions are not used, since
they go back and forth over long lines. Which values count is told in `plausible`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from panvox.review.detecting import plausible
from panvox.review.detecting.spans import Span

KINDS = ("password", "key or token", "random text")
_MORE_NAMES = (
    *("passphrase", "passcode", "(?<![a-z])pass(?![a-z])", "access_?key", "encryption_?key", "signing_?key"),
    *("master_?key", "token(?!i[sz])", "credentials?", "bearer", "session_?key", "webhook_?key"),
)
_PASSWORDS = re.compile(r"pass|pwd|contrase")
_NO_SECRET_TOKENS = re.compile(
    r"(?:page|next|continuation|sync|eos|bos|pad|unk|mask|cls|sep|stop|start|end|cancell?ation)[_-]?$"
)
_TELLS_ANOTHER = re.compile(
    r"(?:name|path|file|filename|url|uri|env|env_?var|var|variable|id|ids|type|types|kind|field|header|length|len|size"
    r"|count|limit|pattern|regex|regexp|label|hint|prompt|message|msg|error|help|text|title|description|format"
    r"|prefix|suffix|class|function|policy|rule|scope|scopes|endpoint|reference|ref|arn|store|manager|provider"
    r"|reset|page|remaining|budget|cost|usage|expires|expiry|ttl|algorithm|method|mode|status|state|version|key_?id|input|placeholder"
    r"|symbol|s)$"
)
_AFTER = (
    r"(?P<rest>[\w-]{0,40}+)[\"'`\])]{0,2}+[ \t]{0,40}+"
    r"(?::[ \t]{0,4}+[a-z_][\w.\[\]| ]{0,40}?(?==[^=]))?"  # an annotation
    r"(?::=|=>|={1,3}+|!==?|:|>(?=[^=<>\n]{1,200}</)|(?<=[ \t])(?='))[ \t]{0,40}+"
)
_QUOTED = re.compile(
    r"@?[fFrRbBuU]{0,2}+(?:\"(?:\"\")?+([^\"\n]{1,520}+)\"|'([^'\n]{1,520}+)'|`([^`\n]{1,520}+)`)"
)
_WORD = r"([^\s\"'`,;(){}\[\]<>]{6,520}+)"
_BARE = re.compile(_WORD + r"(?=[ \t]*+(?:[#,;}\r\n<]|//|$))")
_BARE_BEFORE_COMMAND = re.compile(_WORD + r"(?![\"'`({\[])")  # PASSWORD=… command
_LITERAL = re.compile(r"([\"'`])([A-Za-z0-9+/_=-]{24,128}+)\1")
_DIGEST = re.compile(
    r"sha\d|md5|hash|digest|integrity|checksum|fingerprint|etag|commit|revision|nonce|charset|alphabet"
    r"|id[\"']?[ \t]*+[:=][ \t]*+$"
)


def assigned(text: str, lowered: str, start: int, stop: int, *, quotes: bool) -> Iterator[Span]:
    """What is given to names of secrets from `start` up to `stop`; `quotes` where only literals count."""
    for found in _names().finditer(lowered, start, stop):
        if _tells_another(found, lowered, start):
            continue
        value, quoted = _QUOTED.match(text, found.end(), stop), True
        if value is None and not quotes:
            bare = _BARE_BEFORE_COMMAND if found[0].endswith("=") else _BARE
            value, quoted = bare.match(text, found.end(), stop), False
        if value is None or value.lastindex is None:
            continue
        word, given = found["word"], value[value.lastindex]
        if _PASSWORDS.search(word):
            kind, counts = "password", plausible.password(given, quoted=quoted)
        else:
            kind = "key or token"
            counts = plausible.key(given) or (word == "secret" and plausible.password(given, quoted=quoted))
        if counts:
            yield Span(*value.span(value.lastindex), kind, 5)


def _tells_another(found: re.Match[str], lowered: str, start: int) -> bool:
    """Whether the name is that of something about a secret, or of a token that is none."""
    if _TELLS_ANOTHER.search(found["rest"].strip("_-")):
        return True
    before = max(start, found.start() - 16)
    return found["word"] == "token" and bool(_NO_SECRET_TOKENS.search(lowered, before, found.start()))


def random_literals(text: str, lowered: str, start: int, stop: int) -> Iterator[Span]:
    """Texts in quotes that look random and are called neither digests nor anything of the kind."""
    for found in _LITERAL.finditer(text, start, stop):
        value = found[2]
        if not _mixed(value) or not plausible.random_looking(value, least=4.5):
            continue
        if not _DIGEST.search(lowered, max(0, found.start() - 60), found.start()):
            yield Span(*found.span(2), "random text", 9)


def _mixed(value: str) -> bool:
    """Whether it has both cases, and is not made of words."""
    if plausible.made_of_words(value):
        return False
    return any(c.islower() for c in value) and any(c.isupper() for c in value)


@cache
def _names() -> re.Pattern[str]:
    from detect_secrets.plugins.keyword import DENYLIST  # noqa: PLC0415 - brings a network library

    words = sorted((*DENYLIST, *_MORE_NAMES), key=len, reverse=True)
    return re.compile(f"(?P<word>{'|'.join(words).replace('_?', '[_-]?')}){_AFTER}")
