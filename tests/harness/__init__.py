"""Tools that put the program in harm's way: crashes, full disks, power cuts, a real systemd, foreign state."""
