"""`python -m panvox` is `panvox`."""

from panvox.cli.app import main

if __name__ == "__main__":
    main()
