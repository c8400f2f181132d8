using System.Runtime.InteropServices;
using Conclave.Bugs;

if (args is [Suite.Word, ..])
{
    return await Suite.RunAsync(args);
}

Settings settings;
try
{
    settings = Settings.Parse(args);
}
catch (ArgumentException e)
{
    Console.Error.WriteLine($"bugs: {e.Message}");
    return 2;
}

if (settings.NeedsHelp)
{
    Console.WriteLine(Settings.Help);
    return 0;
}

using var stop = new CancellationTokenSource();
void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}

using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
try
{
    using var driver = new Driver(settings);
    return await driver.RunAsync(stop.Token);
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    Console.Error.WriteLine("bugs: stopped");
    return 130;
}
catch (MutationException e)
{
    Console.Error.WriteLine($"bugs: {e.Message}");
    return 1;
}
