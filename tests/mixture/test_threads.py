import threading
import time

import pytest

from bayesgmm.mixture import threads


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_tasks(workers):
    def work(i):
        time.sleep(0.002 * (5 - i))  # the first are the last to be done
        return i * i

    assert list(threads.map(work, range(5), workers)) == [0, 1, 4, 9, 16]


def test_workers_work_side_by_side():
    both = threading.Barrier(2)
    list(threads.map(lambda _: both.wait(timeout=10), range(2), 2))


def test_an_error_in_a_task_is_an_error():
    with pytest.raises(ZeroDivisionError):
        list(threads.map(lambda x: 1 / x, [1, 0, 1], 2))


def test_no_thread_outlives_its_work():
    before = threading.active_count()
    list(threads.map(abs, range(10), 4))
    assert threading.active_count() == before


def test_there_is_a_core_for_us():
    assert threads.available_cores() >= 1
