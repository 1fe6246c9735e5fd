//! Stands in for Modbus devices on TCP ports and pseudo-terminals, with waveforms and faults.
