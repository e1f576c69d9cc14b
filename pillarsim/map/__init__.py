"""Maps of networks on chips: what sits where, how busy it is, and how far its traffic goes, without running events."""

from pillarsim.map.record import map_record

__all__ = ["map_record"]
