"""A process that submits numbered commands and prints each number once it is acknowledged: made to be killed."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from ledger.application import Ledger
from ledger.orders import Order
from tests.store.savings import decide, pay

THREADS = 2
SCHOOLS = 3


def numbered(writer: int, number: int) -> Order:
    """The order of this number: the same whoever makes it, so that it can be asked again."""
    key = f"{writer}-{number}"
    return pay(f"school-{number % SCHOOLS}", key, deposit_id=key, times=1 + number % 3, amount_fen=1 + number)


def main(url: str, writer: int) -> None:
    """Submit until killed."""
    ledger = Ledger(url, lambda: time.time_ns() // 1000, decide)

    def write(thread: int) -> None:
        for number in count(thread, THREADS):
            receipt = ledger.submit(numbered(writer, number))
            line = f"{number} {receipt.first_version} {receipt.last_version}\n"
            os.write(1, line.encode())  # one write is one line, also between threads

    with ThreadPoolExecutor(THREADS) as pool:
        for finished in [pool.submit(write, thread) for thread in range(THREADS)]:
            finished.result()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
