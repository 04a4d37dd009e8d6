"""Front ends without a screen: plain lines, JSON lines and a calm Rich display."""
