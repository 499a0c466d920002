// A LUT of six inputs whose lower half is read too, for simulators; synthesis tools know the device's own.
`ifndef SYNTHESIS
module LUT6_2 (output O5, output O6, input I0, input I1, input I2, input I3, input I4, input I5);
  parameter [63:0] INIT = 64'd0;
  assign O5 = INIT[{1'b0, I4, I3, I2, I1, I0}];
  assign O6 = INIT[{I5, I4, I3, I2, I1, I0}];
endmodule
`endif
