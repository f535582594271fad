"""`make bench`: every figure as a ratio in one run, interleaved; `python -m benchmarks [--rounds N]`."""

from __future__ import annotations

import argparse

from benchmarks import answers, gateway, pictures, pictures_load, streams, topics
from benchmarks.common import print_table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=25, help="rounds of each figure in process (default 25)"
    )
    parser.add_argument("--gateway-rounds", type=int, default=15, help="rounds over loopback (default 15)")
    parser.add_argument("--picture-rounds", type=int, default=9, help="rounds of each picture (default 9)")
    parser.add_argument("--skip-gateway", action="store_true", help="leave the figures over loopback out")
    parser.add_argument("--skip-pictures", action="store_true", help="leave the pictures out (minutes)")
    arguments = parser.parse_args()
    found = [*topics.rows(arguments.rounds), *streams.rows(arguments.rounds), *answers.rows(arguments.rounds)]
    if not arguments.skip_gateway:
        found += gateway.rows(arguments.gateway_rounds)
    if not arguments.skip_pictures:
        found += pictures_load.rows(arguments.picture_rounds)
    print_table(found)
    if not arguments.skip_pictures:
        print()
        pictures.print_lines(pictures.lines(arguments.picture_rounds))


if __name__ == "__main__":
    main()
