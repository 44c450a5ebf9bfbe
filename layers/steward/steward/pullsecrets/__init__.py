"""Fresh pull secrets in every chosen namespace: mint, plan, act, and look again every minute."""
