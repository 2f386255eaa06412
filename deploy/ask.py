"""Ask configvault in this container for a page, and exit 0 where the answer is a success: a probe without curl.

    python3 -IS ask.py /health [HOST:PORT]

The pages listen on loopback alone, so a probe has to be made from inside.
"""

import http.client
import sys


def main() -> int:
    """Ask, print what comes of it on one line, and return the exit code."""
    path, place = ([*sys.argv[1:], "127.0.0.1:9460"])[:2]
    connection = http.client.HTTPConnection(place, timeout=4)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read(300).decode("utf-8", "replace").strip()
    except OSError as error:
        print(f"{place}{path}: {error}")
        return 1
    print(f"{answer.status} {' '.join(text.split())}")
    return 0 if answer.status < 300 else 1


if __name__ == "__main__":
    sys.exit(main())
