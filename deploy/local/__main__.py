"""`python -m deploy.local`: the launcher."""

import sys

from deploy.local import command

if __name__ == "__main__":
    sys.exit(command.run(sys.argv[1:]))
