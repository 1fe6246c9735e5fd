/* A Modbus server on libmodbus: what the plugin meets when nobody of this project wrote the other end.
   Usage: server tcp | server rtu PATH. Prints its port, or "ready". */
#include <arpa/inet.h>
#include <modbus.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int is_tcp = argc > 1 && strcmp(argv[1], "tcp") == 0;
    modbus_t *line = is_tcp ? modbus_new_tcp("127.0.0.1", 0)
                            : modbus_new_rtu(argc > 2 ? argv[2] : "", 115200, 'E', 8, 1);
    modbus_mapping_t *map = modbus_mapping_new(16, 16, 64, 64);
    if (line == NULL || map == NULL)
        return 1;
    map->tab_bits[3] = 1;
    map->tab_input_bits[5] = 1;
    map->tab_registers[10] = 215;
    map->tab_input_registers[0] = (uint16_t)-37;
    map->tab_input_registers[1] = 0x41aa; /* 21.3 as IEEE 754; the library's own setters differ by version */
    map->tab_input_registers[2] = 0x6666;

    modbus_set_slave(line, 7);
    int listening = -1;
    if (is_tcp) {
        struct sockaddr_in here;
        socklen_t size = sizeof here;
        listening = modbus_tcp_listen(line, 4);
        if (listening < 0 || getsockname(listening, (struct sockaddr *)&here, &size) != 0)
            return 2;
        printf("%d\n", ntohs(here.sin_port));
    } else {
        if (modbus_connect(line) != 0)
            return 3;
        printf("ready\n");
    }
    fflush(stdout);

    uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];
    for (;;) {
        if (is_tcp && modbus_tcp_accept(line, &listening) < 0)
            return 4;
        for (;;) {
            int size = modbus_receive(line, request);
            if (size < 0 && is_tcp)
                break;
            if (size > 0)
                modbus_reply(line, request, size, map);
        }
        modbus_close(line);
    }
}
