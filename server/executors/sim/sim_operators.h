// RegisterSimOperators() gives LibTorch the kernels of simulated devices.
//
// There is one: it checks that all tensors are on one device, runs the CPU's
// kernel over their windows and maps the results back. So whatever runs on the
// CPU runs here, with the same bits. Composite operators that choose a kernel
// by the type of device go to the CPU whole, for the same reason.
//
// Threads:  once for the process; the kernels run on any thread.

#ifndef SERVER_EXECUTORS_SIM_SIM_OPERATORS_H_
#define SERVER_EXECUTORS_SIM_SIM_OPERATORS_H_

namespace ferry {

void RegisterSimOperators();

}  // namespace ferry

#endif  // SERVER_EXECUTORS_SIM_SIM_OPERATORS_H_
