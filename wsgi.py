"""The door for `gunicorn wsgi:app` and `flask --app wsgi …`. Settings come from the environment (and `.env`, if there is one)."""

import gc

gc.disable()  # what is loaded here stays for good: to look through it for garbage again and again took a seventh of the start

from dotenv import load_dotenv  # noqa: E402

from app import create_app  # noqa: E402

load_dotenv()
app = create_app()
gc.freeze()  # nor is it looked through later, which took a tenth of a second in the middle of somebody's request
gc.enable()
