"""One loop for one device, several devices and several machines."""
