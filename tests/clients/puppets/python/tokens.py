"""Mints and verifies tokens with the Python server SDK: `mint ROOM IDENTITY NAME`, `verify JWT`."""

import json
import sys

from livekit import api

KEY, SECRET = "devkey", "secret"


def mint(room: str, identity: str, name: str) -> str:
    token = api.AccessToken(KEY, SECRET).with_identity(identity).with_name(name)
    token = token.with_attributes({"by": "python"})
    return token.with_grants(api.VideoGrants(room_join=True, room=room)).to_jwt()


def verify(jwt: str) -> str:
    claims = api.TokenVerifier(KEY, SECRET).verify(jwt)
    return json.dumps({"identity": claims.identity, "room": claims.video.room,
                       "room_join": claims.video.room_join, "can_publish": claims.video.can_publish})


if __name__ == "__main__":
    print({"mint": mint, "verify": verify}[sys.argv[1]](*sys.argv[2:]))
