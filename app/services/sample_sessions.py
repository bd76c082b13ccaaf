"""The made-up sessions of a made-up club on Auckland's harbour, dated relative to today. Read by sample_data; holds no code."""

from __future__ import annotations

from dataclasses import dataclass

from ..rules.statuses import Entry, SessionStatus

MON, TUE, WED, THU, FRI, SAT, SUN = range(7)
HALL = "Harbour Recreation Hall, North Shore, Auckland"
ROOM = "Clubroom, upstairs at the Harbour Recreation Hall, North Shore, Auckland"
LIBRARY = "Meeting room of the central city library, Auckland"
WHARF = "Downtown ferry building, Auckland waterfront"
FIELDS = "Sports fields beside the bay, Auckland"
KITCHEN = "Community kitchen, west Auckland"

SHUTTLES = (
    "Two and a half hours of friendly doubles on six courts. We mix the levels every twenty minutes, so nobody plays"
    " the same people all night.\n\nBring indoor shoes and water. Feather shuttles are on us, and there are rackets to borrow."
)
HIKE = (
    "We meet, sort out cars and set off together; nobody is left behind. Bring lunch, two litres of water, a rain"
    " jacket and shoes with a tread.\n\nIf the forecast turns bad we move the trip and give the money back."
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One session: ``week`` counts from tomorrow (-1: the week before), prices in minor units, hours before the start."""

    title: str
    summary: str
    location: str
    week: int
    weekday: int
    at: str
    minutes: int
    capacity: int
    description: str = ""
    price: int | None = None
    member_price: int | None = None
    taken: int = 0
    waiting: int = 0
    waitlist: int | None = None
    max_places: int = 2
    opens_hours_before: int | None = None
    members_open_hours_before: int | None = None
    closes_hours_before: int | None = None
    refund_hours_before: int | None = 48
    entry: Entry = Entry.OPEN
    status: SessionStatus = SessionStatus.PUBLISHED
    series: str | None = None


def _badminton(week: int, weekday: int, taken: int, waiting: int = 0) -> Sample:
    return Sample(
        "Social badminton", "Doubles for every level, mixed every twenty minutes.", HALL, week, weekday, "19:00", 150, 24,
        SHUTTLES, price=1200, member_price=800, taken=taken, waiting=waiting, waitlist=8, max_places=3, refund_hours_before=24,
        series="social-badminton",
    )  # fmt: skip


SAMPLES = (
    # One that is over.
    Sample(
        "Quiz night", "Six rounds, tables of six, one terrible prize.", ROOM, -1, FRI, "19:30", 150, 48,
        "Come as a table or join one on the night. There is a bar, and the questions are kinder than last year's.",
        price=1000, member_price=500, taken=31, max_places=4,
    ),  # fmt: skip
    # Badminton on weekday evenings: full with people waiting, nearly full, and room.
    _badminton(0, TUE, taken=24, waiting=3),
    _badminton(0, THU, taken=22),
    _badminton(1, TUE, taken=17),
    _badminton(1, THU, taken=11),
    _badminton(2, TUE, taken=6),
    _badminton(3, TUE, taken=2),
    Sample(
        "Badminton for beginners", "Grip, serve, clear: the first steps with a coach.", HALL, 0, WED, "18:00", 90, 10,
        "A coach and a helper for ten people, so everybody gets a turn. Rackets and shuttles are there.\n\nWear shoes that do"
        " not mark the floor.", price=2500, member_price=2000, taken=10, max_places=1,
    ),  # fmt: skip
    Sample(
        "Badminton for beginners", "Grip, serve, clear: the first steps with a coach.", HALL, 2, WED, "18:00", 90, 10,
        "A coach and a helper for ten people, so everybody gets a turn. Rackets and shuttles are there.",
        price=2500, member_price=2000, taken=4, max_places=1,
    ),  # fmt: skip
    Sample(
        "Table tennis drop-in", "Four tables, all levels, no need to stay for all of it.", HALL, 0, MON, "18:30", 120, 16,
        "Bats and balls are there. Come when you can; tables rotate every quarter of an hour.", taken=5, max_places=4,
        refund_hours_before=None,
    ),  # fmt: skip
    Sample(
        "Table tennis drop-in", "Four tables, all levels, no need to stay for all of it.", HALL, 2, MON, "18:30", 120, 16,
        "Bats and balls are there. Come when you can; tables rotate every quarter of an hour.", taken=1, max_places=4,
        refund_hours_before=None,
    ),  # fmt: skip
    Sample(
        "Indoor netball: mixed teams", "Seven a side, one umpire, plenty of laughing.", HALL, 1, MON, "19:00", 90, 21,
        "Teams are drawn on the night. Bibs are there; bring indoor shoes.", price=900, member_price=600, taken=19, max_places=3,
    ),  # fmt: skip
    # Workshops.
    Sample(
        "First aid refresher", "Half a day of practice with a qualified trainer; certificate included.", ROOM, 1, SAT, "09:00",
        240, 14, "For those whose certificate runs out this year. Wear clothes you can kneel in. Tea and a bite are included.",
        price=7500, member_price=6000, taken=12, max_places=2, refund_hours_before=168,
    ),  # fmt: skip
    Sample(
        "Bicycle repair workshop", "Punctures, brakes and gears: bring your own bicycle.", FIELDS, 1, SUN, "10:00", 180, 8,
        "Tools and stands are there, and two people who have done it before. Parts are sold at cost.",
        price=2000, member_price=1500, taken=8, waiting=2, waitlist=4, max_places=1,
    ),  # fmt: skip
    Sample(
        "Sourdough in an afternoon", "Mix, fold, shape and take a loaf home to bake.", KITCHEN, 2, SUN, "13:00", 210, 12,
        "You leave with a starter, a shaped loaf and the courage to bake it. Flour allergies cannot be catered for.",
        price=4500, taken=7, max_places=2,
    ),  # fmt: skip
    Sample(
        "Watercolour by the water", "Outdoors with an easel; indoors if it rains.", FIELDS, 3, SAT, "10:00", 150, 10,
        "Paper, paint and brushes for ten. No experience needed, and nobody has to show their picture.",
        price=3500, member_price=2800, taken=3, max_places=2,
    ),  # fmt: skip
    Sample(
        "Te reo for everyday", "Greetings, names and places, said well. Four evenings, this is the first.", LIBRARY, 3, THU,
        "18:00", 90, 20, "For people at the beginning. We learn by speaking, in pairs and small groups.", taken=9, max_places=2,
        refund_hours_before=None,
    ),  # fmt: skip
    # Talks.
    Sample(
        "Talk: birds of the harbour", "Godwits, terns and where to stand to see them.", LIBRARY, 0, THU, "18:30", 75, 60,
        "Pictures and sounds of a year on the mudflats, and a list of places to go with binoculars.", taken=34, max_places=4,
        refund_hours_before=None,
    ),  # fmt: skip
    Sample(
        "Talk: what the rocks remember", "Fifty cones under one city, told by a geologist.", LIBRARY, 2, THU, "18:30", 75, 60,
        "Why the city stands where it stands, and what is underneath the football pitch. Questions welcome.", taken=12,
        max_places=4, refund_hours_before=None,
    ),  # fmt: skip
    Sample(
        "Talk: mending instead of buying", "A tailor, a cobbler and a clock repairer on what is worth saving.", LIBRARY, 4, WED,
        "18:30", 90, 40, "Bring one thing that is broken; three of them will be mended on the stage.", taken=0, max_places=4,
        refund_hours_before=None,
    ),  # fmt: skip
    # Trips: from closed to not open yet.
    Sample(
        "Sunrise paddle", "Two hours in sit-on kayaks before the wind gets up.", FIELDS, 0, SUN, "06:15", 120, 12,
        "For people who can swim. Kayaks, vests and a guide are included. Names go to the guide two weeks ahead, so"
        " registration closes early.", price=5500, member_price=4500, taken=9, max_places=2, closes_hours_before=336,
        refund_hours_before=336,
    ),  # fmt: skip
    Sample(
        "Island day trip", "Ferry over, three beaches on foot, ferry back.", WHARF, 2, SAT, "08:45", 510, 30,
        HIKE, price=4800, member_price=3900, taken=28, max_places=4, refund_hours_before=168,
    ),  # fmt: skip
    Sample(
        "Black-sand coast walk", "Twelve kilometres of cliff and beach in the west.", HALL, 3, SUN, "08:00", 480, 16,
        HIKE, price=1500, member_price=1000, taken=16, max_places=2, refund_hours_before=72,
    ),  # fmt: skip
    Sample(
        "Weekend in the forest", "Two nights in a lodge, walks in the day, stars at night.", HALL, 5, FRI, "17:30", 2790, 22,
        "Bunk rooms, shared cooking, and a bus that leaves on time. Bring a sleeping bag and a torch.",
        price=18500, member_price=15900, max_places=4, opens_hours_before=336, members_open_hours_before=1200,
        refund_hours_before=504,
    ),  # fmt: skip
    Sample(
        "Harbour sail on a classic yacht", "An afternoon under sail; you may steer.", WHARF, 5, SUN, "12:30", 240, 14,
        "The skipper and two crew do the hard part. Soft shoes, a warm layer, and no stiff suitcases.",
        price=9500, member_price=8000, max_places=2, opens_hours_before=504, refund_hours_before=168,
    ),  # fmt: skip
    Sample(
        "Night market tour", "Five stalls, small plates, one guide who knows them all.", HALL, 1, FRI, "18:30", 150, 12,
        "We share everything, so come hungry and tell us what you cannot eat.", price=3800, member_price=3200,
        max_places=2, status=SessionStatus.CANCELLED,
    ),  # fmt: skip
    # The club's own life.
    Sample(
        "Annual general meeting", "Reports, the budget, elections, and cake.", ROOM, 4, TUE, "19:00", 120, 80,
        "Everybody may come; members vote. The papers go out by e-mail two weeks before.", taken=21, max_places=1,
        refund_hours_before=None,
    ),  # fmt: skip
    Sample(
        "Working bee at the hall", "Paint, brooms and a barbecue afterwards.", HALL, 3, SAT, "09:30", 180, 25,
        "Old clothes, please. There is a job for every back and every age.", taken=8, max_places=4, refund_hours_before=None,
    ),  # fmt: skip
    Sample(
        "New members' evening", "Who we are, what we do, and who to ask.", ROOM, 1, WED, "18:30", 90, 30,
        "A short welcome, a tour of the hall and a game of something.", taken=13, max_places=2, refund_hours_before=None,
    ),  # fmt: skip
    Sample(
        "Coaching squad trial", "For players who want to train twice a week; places are given by the coaches.", HALL, 4, SAT,
        "14:00", 180, 12, "Tell us how long you have played and what you hope for. We answer everybody within a week.",
        entry=Entry.APPLICATION, max_places=1, refund_hours_before=None,
    ),  # fmt: skip
    Sample(
        "Midweek swim and breakfast", "A lap of the bay, then eggs.", FIELDS, 4, WED, "06:30", 90, 15,
        "A kayak goes with us. Bring a bright cap; breakfast is at the café across the road.", price=600, member_price=0, taken=4,
        max_places=2, refund_hours_before=12,
    ),  # fmt: skip
    Sample(
        "Club dinner", "Long tables, three courses, a very short speech.", ROOM, 5, SAT, "18:30", 210, 64,
        "Vegetarian and vegan without asking; tell us about allergies.", price=6500, member_price=5500, taken=26, max_places=4,
        refund_hours_before=120,
    ),  # fmt: skip
)  # fmt: skip
HOSTED = Sample(
    "Sketching on the ferry", "An hour over, an hour back, a sketchbook full.", WHARF, 3, SUN, "13:00", 150, 8,
    "We draw what passes: masts, gulls, people who sleep. Bring a pencil; paper is there, and no skill is needed.",
    price=1800, max_places=2, status=SessionStatus.DRAFT,
)  # fmt: skip
"""What a host has paid for and the committee has not looked at yet."""
