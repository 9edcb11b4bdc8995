"""`python -m tinytorch.tito`, where the command is not on the path."""

from tinytorch.tito.app import main

if __name__ == "__main__":  # not in a process that one of its pools spawns
    main()
