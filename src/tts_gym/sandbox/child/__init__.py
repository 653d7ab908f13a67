"""What runs inside a jail, and the process that forks one."""
