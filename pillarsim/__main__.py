"""`python -m pillarsim`: the same as the `pillarsim` command."""

from pillarsim.cli import main

if __name__ == "__main__":
    main()
