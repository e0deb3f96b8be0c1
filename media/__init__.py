"""What every process that touches media needs; importing it loads no codec."""
