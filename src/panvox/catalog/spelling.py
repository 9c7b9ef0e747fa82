"""How hosts spell the name of a model, and one spelling for them all.

Pure rules, in the order in which they are applied: the envelope of a host (`accounts/…/models/`, Bedrock's
regions and versions), offers (`:free`, `:thinking`), separators, authors, quantisations, the families that
are written with and without a dash, and the modes and efforts of models that have one set of weights for all.
"""

from __future__ import annotations

import re

# azureml://registries/azureml-meta/models/NAME/versions/4
_AZURE_REGISTRY = re.compile(r"/models/([^/]+)/versions/[^/]+$")
_REGION = re.compile(r"^(?:us|eu|apac|au|jp|ca|sa|us-gov|global)\.(?=[a-z0-9-]+\.)")
_OFFER = re.compile(
    r"(?::(?:free|beta|nitro|floor|online|extended|exacto|batch|web|cloud|latest|default"
    r"|thinking|think|low|medium|high|max|\d{4,}))+$"
)
# Bedrock writes -v2:0 and -1:0 for its own revisions, but -v0:2 for Mistral's v0.2.
_BEDROCK = re.compile(r"-(?:v[1-9]\d*|1):0(?::\d+k)?$")
_OLLAMA_CLOUD = re.compile(r"(?<=:)([\w.-]+)-cloud$")
_SEPARATORS = re.compile(r"[\s._:@-]+")
_P_FOR_POINT = re.compile(r"(?<=\d)p(?=\d)")  # Fireworks writes 3p1 for 3.1

_FAMILIES = (
    "aion|chatgpt|claude|codestral|codex|command|deepseek|devstral|ernie|gemini|gemma|glm|gpt|granite|grok|jamba"
    "|kimi|llama|magistral|mai-|meta-llama|mimo|minimax|ministral|mistral|mixtral|nemotron|nova|o[1-9](?:-|$)"
    "|palmyra|phi|pixtral|qvq|qwen|qwq|solar|step|trinity|voxtral|xiaomi-mimo"
)
# Makers, hosts and products that stand before a name with a dash or a dot: anthropic--claude-…, coding-glm-5.
_AUTHOR = re.compile(
    r"^(?!mistral-nemotron|meta-llama)(?:ai21|aion-labs|alibaba|alicloud|amazon|anthropic|arcee|azure|cerebras|coding|cohere"
    r"|databricks|deep|deepseek|deepseek-ai|duo-chat|google|groq|meta|microsoft|minimax|mistral|mistralai|moonshot"
    r"|moonshotai|nvidia|openai|qwen|stepfun|study-gpt|tee|umans|upstage|writer|x-ai|xai|xiaomi|z-ai|zai|zai-org)"
    rf"-(?={_FAMILIES})"
)
_TAIL = re.compile(
    r"(?:-(?:gguf|ggml|gptq|awq|exl[23]|mlx|bnb|marlin|imatrix|hf"
    r"|fp(?:4|8|16|32)(?:-(?:dynamic|fast|throughput))?|bf16|f16|f32|nvfp4|mxfp[48]|int[348](?:-mixed-ar)?"
    r"|[2-8]-?bit|w\da\d+"
    r"|i?q[1-8](?:-(?:k|[01]|xx?s|nl))?(?:-(?:xl|l|m|s|xs))?"
    r"|free|maas|original|tee|tput))+$"
)
_FAMILY_SPELLINGS = (
    # Hugging Face's Meta-Llama-3.1-8B, so without -Instruct, is the base; hosts' llama-3.1-8b is not.
    (re.compile(r"^meta-(llama-3(?:-1)?-\d+b)$"), r"\1-base"),
    (re.compile(r"^(?:meta-)?llama-?v?(?=\d)"), "llama-"),
    (re.compile(r"^(gemma|glm|gpt)-?(?=\d)"), r"\1-"),
    (re.compile(r"^(qwen|phi)-(?=\d)"), r"\1"),
    (re.compile(r"^(gpt-|qwen|minimax-m)([2-9])([1-9])(?=-|$)"), r"\1\2-\3"),  # gpt-35-turbo, qwen25-vl
    (re.compile(r"^duo-chat-(?=(?:opus|sonnet|haiku)-)"), "claude-"),
)
# Anthropic moved the version behind the name of the tier with Claude 4; hosts write both orders for both.
_CLAUDE_TIER_FIRST = re.compile(r"^claude-(opus|sonnet|haiku)-?3(?:-([57]))?(?=-|$)")
_CLAUDE_VERSION_FIRST = re.compile(r"^claude-([4-9])(?:-(\d))?-(opus|sonnet|haiku)(?=-|$)")
_CLAUDE_VERSION = re.compile(r"^claude-(opus|sonnet|haiku)-?([4-9])(?:-?(\d))?(?=-|$)")
# One set of weights thinks or not, more or less, as the caller asks. Not so Kimi K2, Qwen3 2507, Gemini 2.0.
_MODE = re.compile(
    r"^(claude-.+?|gemini-(?:2-5|[3-9]).+?|glm-(?:4-[5-9]|[5-9]).*?|deepseek-v(?:3-[12]|[4-9]).*?|hermes-4-.+?"
    r"|kimi-k(?:2-[5-9]|[3-9]).*?|grok-4-(?:\d+-)?fast|grok-4-20.*?|mimo-v2.*?|qwen3-[5-9].*?)"
    r"-(?:(?:no-?)?think(?:ing)?(?:-(?:\d{4,}|low|medium|high|max))?|reasoner|(?:non-)?reasoning)$"
)
_EFFORT = re.compile(r"^(gpt-[5-9].*|o[1-9](?:-(?:mini|pro))?)-(?:xhigh|high|medium|low|minimal|none)$")
# Vertex says @default, Bedrock -v1 (of Nova too), and Anthropic's fast mode is the same model served faster.
_REVISION = re.compile(r"^(claude-(?:opus|sonnet|haiku)-[4-9].*)-(?:default|fast|v\d)$|^(nova-.+)-v1$")


def spelled(model: str) -> str:
    """The one spelling of `model`: lower case, words and numbers joined by dashes; empty if nothing is left.

    Sizes, dates, `-instruct`, `-turbo`, `-latest` and all else that may mean other weights stays.
    """
    shown = "".join(filter(str.isprintable, model))  # some lists hold what a terminal would obey
    return _shortened(_separated(shown.strip().lower()))


def _separated(name: str) -> str:
    """Without the envelope of a host and the variants of an offer, in dashes alone."""
    if "/" in name:
        if "/versions/" in name and (registered := _AZURE_REGISTRY.search(name)):
            name = registered[1]
        name = name.rpartition("/")[2]
    if "." in name:
        name = _REGION.sub("", name)
    if ":" in name:
        name = _OLLAMA_CLOUD.sub(r"\1", _BEDROCK.sub("", _OFFER.sub("", name)))
    return _P_FOR_POINT.sub("-", _SEPARATORS.sub("-", name).strip("-"))


def _shortened(name: str) -> str:
    """Without author, quantisation, mode and effort, until nothing more can go."""
    while True:
        shorter = _TAIL.sub("", _AUTHOR.sub("", name))
        for pattern, spelling in _FAMILY_SPELLINGS:
            shorter = pattern.sub(spelling, shorter)
        shorter = _in_one_mode(shorter)
        if shorter == name:
            return name
        name = shorter


def _in_one_mode(name: str) -> str:
    if name.startswith("claude-"):
        name = _CLAUDE_VERSION_FIRST.sub(lambda found: _claude(found[3], found[1], found[2]), name)
        name = _CLAUDE_VERSION.sub(lambda found: _claude(found[1], found[2], found[3]), name)
        name = _CLAUDE_TIER_FIRST.sub(
            lambda found: f"claude-3{'-' + found[2] if found[2] else ''}-{found[1]}", name
        )
    if found := _MODE.match(name) or _EFFORT.match(name) or _REVISION.match(name):
        return found[1] or found[found.lastindex or 1]
    return name


def _claude(tier: str, major: str, minor: str | None) -> str:
    return f"claude-{tier}-{major}" + (f"-{minor}" if minor and minor != "0" else "")
