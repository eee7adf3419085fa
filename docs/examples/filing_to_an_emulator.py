import requests

from altinn.emulator import Emulator

with Emulator(seed=1) as altinn:
    token = requests.get(f"{altinn.base_url}/Home/GetTestUserToken/1337").text
    sophie = {"Authorization": f"Bearer {token}"}
    owner = {"instanceOwner": {"partyId": "501337"}, "dataValues": {"period": "2026-T5"}}

    instance = requests.post(f"{altinn.base_url}/ttd/basic/instances", json=owner, headers=sophie).json()
    push = f"{altinn.base_url}/ttd/basic/instances/{instance['id']}/process/next"
    for action in ("write", "confirm"):
        requests.put(push, json={"action": action}, headers=sophie).raise_for_status()

    (filing,) = requests.get(f"{altinn.base_url}/_emulator/filings").json()
    print(filing["app"], filing["instance"], filing["dataValues"])
