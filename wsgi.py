"""The door for `gunicorn wsgi:app` and `flask --app wsgi …`. Settings come from the environment (and `.env`, if there is one)."""

from dotenv import load_dotenv

from app import create_app

load_dotenv()
app = create_app()
