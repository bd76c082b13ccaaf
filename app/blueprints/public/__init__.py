"""The pages anybody may see: the list of sessions, one session, calendars."""
