"""Random schedules: several filing clients and a person, faults and kills, with the emulator as judge."""
