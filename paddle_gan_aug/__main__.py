"""`python -m paddle_gan_aug COMMAND …`."""

import sys

from .cli.main import main

sys.exit(main(sys.argv[1:]))
