//! Reads and writes Modbus devices, over TCP and on serial lines.
