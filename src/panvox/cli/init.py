"""`panvox init`: a settings file with every setting explained, to be changed line by line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import platformdirs
from cyclopts import Parameter

from panvox.cli.exits import Exit
from panvox.errors import UsageError
from panvox.settings import FILE_NAME

TEMPLATE = """\
# Settings of panvox. Every line that is commented out shows the default: remove the # to change it.
# panvox reads the file of the project, then the user's; environment variables such as
# PANVOX_RUN__DEADLINE=60 win over both. No key belongs here: keys come from the environment.

[run]
# deadline = 120.0                  # seconds that one turn may take at most
# wait = "all"                      # all, first, first:3, deadline:20, quorum, quorum:0.7, fast, fast:10
# max_tokens = 1000                 # tokens of an answer at most; left to the provider if unset
# models = ["openai/*", "!*mini*"]  # which models are asked without --models; see paid_limit if unset
# paid_limit = 25                   # how many models that may cost money are asked without a selection
# max_prompt_bytes = 4194304        # bytes of a prompt at most

[network]
# connect_timeout = 10.0            # seconds until a connection stands
# first_token_timeout = 120.0       # seconds until the first piece of an answer
# idle_timeout = 60.0               # seconds between two pieces of an answer
# total_timeout = 600.0             # seconds for a whole answer
# proxy = "http://127.0.0.1:3128"   # http://, https:// or socks5://; that of the environment if unset
# no_proxy = ["lan", "10.0.0.0/8"]  # hosts that are reached without it
# ca_file = "/etc/ssl/company.pem"  # certificates to trust besides the usual ones
# allow_plain_http = false          # whether http:// addresses beyond this machine may be asked

[local]
# enabled = true                    # whether the model on this machine may be used
# weights = "model.gguf"            # another GGUF file; the installed SmolLM2 if unset
# samples = 5                       # answers that it gives to one prompt
# context = 2048                    # tokens of prompt and answer together, for each sample
# max_tokens = 512                  # tokens of an answer at most
# threads = 4                       # threads to compute with; all cores but one, at most eight, if unset

[store]
# enabled = true                    # whether runs are kept
# path = "panvox.db"                # the SQLite file; in the user's data folder if unset

[catalogue]
# max_age = 86400.0                 # seconds that a provider's list on the disk is believed
# deadline = 10.0                   # seconds that a provider may take for its list
# probe_age = 604800.0              # seconds after which what a probe found is forgotten
# offline = true                    # whether the catalogues that come with panvox are used
# strengths = "strengths.csv"       # measured strengths, which win over published ones

# What is known better here than anywhere else, by name or glob; it wins over every other source.
[models]
# "company/chat-*" = { context = 32768, price_in = 0.2, price_out = 0.8, capabilities = ["text", "code"] }

# Named selections, used as --models @fast
[panels]
# fast = ["groq/*", "cerebras/*"]

# Providers to ask, one block each. Without any, panvox finds the keys of known vendors in the environment
# (OPENAI_API_KEY, OPENROUTER_API_KEY, GROQ_API_KEY and more) and servers on this machine such as Ollama.
#
# [[providers]]
# id = "openai"                     # the first part of its models' names; a known vendor needs no more
#
# [[providers]]
# id = "company"
# base_url = "https://llm.example.com/v1"
# dialect = "openai"                # or responses, anthropic, gemini, ollama, cherry
# key_env = "COMPANY_LLM_KEY"       # the environment variable that holds the key
# models = ["chat-large"]           # it is asked for its list if unset
# free = true                       # whether asking it costs nothing
# proxy = "none"                    # its own proxy, or none; that of [network] if unset
# ca_file = "/etc/ssl/company.pem"  # trusted in place of the one in [network]
# allow_plain_http = false          # whether its address may be plain http://
"""


def init(
    *,
    user: Annotated[
        bool,
        Parameter(
            negative="", show_default=False, help="Write the user's file instead of one in this folder."
        ),
    ] = False,
) -> int:
    """Write a settings file with every setting explained. A file that is there stays as it is."""
    path = (platformdirs.user_config_path("panvox") if user else Path()) / FILE_NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise UsageError(f"{path} is there already and stays as it is") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    print(f"{path} is written. Change what you like; `panvox doctor` tells whether it works.")
    return Exit.ANSWERED
