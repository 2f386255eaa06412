"""What the program does, each in one module: record, roll back, reload, recover, report.

A use case works on a `Site`. The vault and the root are what this program is, so they are called directly;
whatever comes in several kinds (validator, reload, checks, observers) is seen through a protocol.
"""
