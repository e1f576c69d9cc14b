"""Columns of the compiled engine's tables; every entry is an int64, times are in picoseconds.

All tables stand in one block of memory, the header first and `lists` behind it. Rows of other tables are meant by
their numbers, entries of `lists` by their place in memory. Sequences (windows of a stage), pixels (of a stream) and
rows count over all images of the run; -1 is "none".
"""

from __future__ import annotations

# events: SERVER and SERVICE only for requests
TIME, KIND, A, B, C, SERVER, SERVICE = range(7)
EVENT_COLUMNS = 7
# entries of the queue: time, order and tie, by which they go, and the row of the event
QUEUE_COLUMNS = 4

# kinds of requests to servers (A, B, C)
FETCH, TRANSFER, PIXEL_HOP, PARTIAL_HOP, OUT_HOP, WRITE, STEP = range(7)
OUT_WRITE, OUT_READ, OUT_MOVE, IN_MOVE, IN_WRITE, IN_READ = range(7, 13)
# kinds of events
RELEASE, ARRIVE, WAKE, BEGIN, FINISH, NEXT_ROW, STORED, ROW_READ = range(20, 28)
OUT_RELEASE, GONE, ARRAYS_FREE, CLAIMS, PUMP, PUMP_SOURCE = range(28, 34)

# phases of a picosecond, in the upper bits of the order
HAPPENS, CLAIM_PHASE, GRANT_PHASE = 0, 1 << 60, 2 << 60
# the key of a request: the order holds (stage + 1, kind, replica), the tie (sequence, ring)
STAGE_SHIFT, KIND_SHIFT, TIE_SHIFT = 36, 34, 20

# requests that an event has made, until they are asked: kind, A, B, C, time
OUTBOX_COLUMNS = 5

# services: time of a step and of all steps; how often they were done
S_STEP, S_TOTAL, S_DONE = range(3)
SERVICE_COLUMNS = 3
# servers: power tracker, ports, then the ports' free times, the earliest first
V_POWER, V_PORTS, V_FREE = range(3)
# power trackers
P_GATED, P_END, P_HELD, P_AWAKE, P_ACTIVE, P_GATED_PS, P_WAKES = range(7)
TRACKER_COLUMNS = 7
# stages: constants, then what changes
(
    T_WINDOWS,  # of an image
    T_PIXELS,  # of an image, out
    T_STEP,
    T_STEP_END,  # in `steps`
    T_EMITTED,  # in `lists`, one a window of an image
    T_TARGET,
    T_TARGET_END,  # rings, in `lists`
    T_REPLICA,  # the first
    T_REPLICAS,
    T_OUT,  # 1 for the last stage
    T_TOTAL,  # windows of the run
    T_NEXT,  # window to leave
    T_SENT,  # pixels
    T_LAST_END,
) = range(14)
STAGE_COLUMNS = 14
# steps: unit (0: the first of UNITS), services in `lists` (one, or one a window), whether they vary
U_UNIT, U_SERVICE, U_VARIES = range(3)
STEP_COLUMNS = 3
# tiles in use: servers of port and bus, then of the units
L_PORT, L_BUS, L_UNIT = range(3)
TILE_COLUMNS = 7
# replicas: constants, then what changes
(
    R_STAGE,
    R_INDEX,
    R_HOME,  # number among the tiles in use
    R_PART,
    R_PART_END,
    R_SET,
    R_SET_END,  # sets, in `lists`
    R_DIGITAL,
    R_DIGITAL_END,  # trackers of the digital parts of its tiles, in `lists`
    R_RIVAL,
    R_RIVAL_END,  # replicas, in `lists`
    R_GROUP,
    R_AWAY,  # parts that send partial sums
    R_ARRAYS,
    R_PHASE_PS,
    R_REST_PS,  # with sample-and-hold: from the first sample to the last; else from the start to the end
    R_NEXT,  # window to fetch
    R_FILLING,
    R_LEFT,  # fetches not done
    R_FETCHED,  # window in the register
    R_FETCHED_PS,
    R_FREE_PS,
    R_SLOTS,
    R_BEGINNING,
    R_GATHER_PS,
    R_GATHER_PS_2,
    R_GATHER,
    R_GATHER_2,  # partial sums on their way, window by window in turn
    R_DONE,
    R_DONE_2,  # windows finished that have not left
    R_RUNNING,
    R_CLAIM_PS,
    R_AHEAD,
    R_WINDOWS,
    R_BUSY_PS,
    R_CONVERT_PS,
    R_STALLED_PS,
    R_FIRST_PS,
) = range(38)
REPLICA_COLUMNS = 38
# parts of replicas: services in `lists` (one, or one a window)
(
    Q_REPLICA,
    Q_RING,
    Q_KEEP,  # its reader's place in `keep`
    Q_TILE,
    Q_FETCH,
    Q_TRANSFER,
    Q_VARIES,
    Q_PATH,  # of its partial sums, in `hops`; -1: none
    Q_HOP,
    Q_DOWN,
) = range(10)
PART_COLUMNS = 10
# rings: services in `lists`, (write, hop, way down) of each pixel or row, or of all; write -1: nothing is wanted
(
    G_STAGE,
    G_SOURCE,
    G_TILE,
    G_PIXELS,  # of an image
    G_COUNT,  # pixels sent at once
    G_FIELD,  # in `need` and `keep_from`
    G_CAPACITY,
    G_KEEP,
    G_KEEP_END,
    G_READER,  # first reader's replica, in `lists`, as many as keeps
    G_SERVICE,
    G_VARIES,
    G_PATH,  # in `lists`, by the source's replica: path in `hops`; -1: the same tile
    G_TAKEN,
    G_ARRIVED,
    G_FREED,
    G_EARLY,  # first of the pixels that came too early, in `early`
) = range(17)
RING_COLUMNS = 17
# pixels that came too early: first pixel, next in the list
Y_FIRST, Y_NEXT = range(2)
EARLY_COLUMNS = 2
# sets of arrays: trackers of arrays and converters, when the converters are free
A_ARRAYS, A_CONVERTERS, A_FREE = range(3)
SET_COLUMNS = 3
# groups of replicas that share arrays: members in `lists`, whether the claims are about to be looked at
K_MEMBER, K_MEMBER_END, K_ASKED = range(3)
GROUP_COLUMNS = 3
# the run
(
    H_NOW,
    H_EVENTS,
    H_QUEUED,
    H_UNUSED,  # event rows not in use
    H_EARLY_UNUSED,  # first unused row of `early`
    H_EARLY_LEFT,
    H_MARGIN,  # event rows that an event may need
    H_MARK,  # a mark was reached
    H_MARK_ROWS,
    H_AFTER_PS,
    H_WAKE_PS,
    H_SAMPLE_HOLD,
    H_CONVERT_PS,
    H_SHIFT_ADD_PS,
    H_ROUTER_PS,
    H_LATENCY_PS,
    H_LINK,
    H_BUFFER,  # servers: off-chip link, global buffer
    H_IN_SERVICE,
    H_OUT_SERVICE,  # three each: move, write, read
    H_ROWS,  # of the run
    H_IMAGE_ROWS,
    H_ROW_CAPACITY,
    H_LINK_BUSY,
    H_OFFERED,
    H_HELD,
    H_WRITTEN,
    H_SENT,
    H_IN_TARGET,
    H_IN_TARGET_END,
    H_OUT_STAGE,  # number after the last stage
    H_OUT_RING,  # number after the last ring
    H_OUT_PATH,  # in `lists`, by replica of the last stage
    H_OUT_HOP,
    H_OUT_DOWN,
    H_OUT_PIXELS,
    H_OUT_CAPACITY,
    H_OUT_TAKEN,
    H_OUT_FREED,
    H_FINISHED,
    H_PACKETS,
    H_DELIVERED,
    H_STARTED,
    H_SERVICES,  # where the tables stand, in the order of `machine.TABLES`
    H_SERVERS,
    H_TRACKERS,
    H_STAGES,
    H_STEPS,
    H_TILES,
    H_REPLICAS,
    H_PARTS,
    H_RINGS,
    H_SETS,
    H_GROUPS,
    H_KEEPS,
    H_LEFTS,
    H_TIMES,
    H_EARLY,
    H_EVENT_ROWS,
    H_QUEUE,
    H_UNUSED_ROWS,
    H_OUTBOX,
    H_SERVER_COLUMNS,
    H_ASKED,  # requests in the outbox
) = range(64)
HEADER_COLUMNS = 64
