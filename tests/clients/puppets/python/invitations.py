"""Reads calendar objects from standard input (a JSON array of texts) and tells what an independent library finds."""

import json
import sys

from icalendar import Calendar


def addresses(value):
    values = value if isinstance(value, list) else [value]
    return [str(it) for it in values if it is not None]


def read(text):
    calendar = Calendar.from_ical(text)
    event = next(iter(calendar.walk("VEVENT")))
    return {
        "method": str(calendar["METHOD"]),
        "uid": str(event["UID"]),
        "sequence": int(event["SEQUENCE"]),
        "start": event.decoded("DTSTART").isoformat(),
        "end": event.decoded("DTEND").isoformat(),
        "organizer": str(event.get("ORGANIZER") or ""),
        "attendees": addresses(event.get("ATTENDEE")),
        "status": str(event.get("STATUS") or ""),
    }


json.dump([read(text) for text in json.load(sys.stdin)], sys.stdout)
