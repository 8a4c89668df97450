"""Whether generated images help on this data: arms, cells, paired statistics, a verdict, a report and the better classifier."""
