"""A party that has met the other one and does nothing: how much memory it takes."""

from say import memory, say

import junto as sf

sf.init()
sf.barrier()
say(**memory())
sf.barrier()
sf.shutdown()
