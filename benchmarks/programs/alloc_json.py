"""JSON there and back: documents are made, written, read again and changed."""

import json

SCALE = 24
EXPECTED = (960, 159146)


def document(number):
    return {
        "id": number,
        "users": [
            {
                "id": i,
                "name": f"User {number}-{i}",
                "tags": ["a", "bb", f"group {i % 7}"],
                "score": (number + i) / 3,
                "active": i % 2 == 0,
                "address": {"street": f"Street {i}", "zip": str(10000 + i)},
            }
            for i in range(40)
        ],
    }


def changed(value):
    for user in value["users"]:
        user["tags"].append("seen")
        user["name"] = user["name"].upper()
    return value


def run(scale):
    users = size = 0
    for number in range(scale):
        text = json.dumps(document(number))
        value = changed(json.loads(text))
        users += len(value["users"])
        size += len(json.dumps(value))
    return users, size
