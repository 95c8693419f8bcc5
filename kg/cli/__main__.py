"""``python -m kg.cli`` is ``mlg``, wherever the console script is not on the path."""

from kg.cli import main

if __name__ == "__main__":
    main()
