"""The commands of `reelsmith`, one file each."""
