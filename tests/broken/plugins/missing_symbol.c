/* A library without the entry. */
int saddle_plugin_v0(void);
__attribute__((visibility("default"))) int saddle_plugin_v0(void) { return 0; }
